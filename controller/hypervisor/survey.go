package hypervisor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxDomains bounds the domains of a host.
const maxDomains = 4096

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// parseID parses libvirt's textual form of a UUID. uuid.Parse would accept other forms as well.
func parseID(text string) (uuid.UUID, bool) {
	if !uuidForm.MatchString(text) {
		return uuid.UUID{}, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

// script is a list of virsh commands for one argument, so that all of them use one connection to
// libvirt: with ssh, connecting takes longer than the commands. virsh continues after a command
// that fails, as when a domain has just vanished.
//
// A script must hold nothing that a host has chosen, since virsh would split it at a ';'. So it is
// made of constants, of UUIDs in their binary form, and of the survey's own random mark. Commands
// with other words are run one by one, each word an argument of its own.
type script struct{ text strings.Builder }

// constant is a text of this program. Only literals convert to it implicitly.
type constant string

// add adds a command about a domain: its words before and after the id.
func (s *script) add(command constant, id uuid.UUID, options constant) {
	s.text.WriteString(string(command) + " " + id.String() + " " + string(options) + "; ")
}

// mark adds a line to the output that begins a part: mark, kind and id.
func (s *script) mark(m mark, kind constant, id uuid.UUID) {
	s.text.WriteString("echo " + string(m) + " " + string(kind) + " " + id.String() + "; ")
}

func (s *script) end(m mark) string { return s.text.String() + "echo " + string(m) }

// mark separates the parts of an output. It is random, so that no guest can forge it.
type mark string

func newMark() mark { return mark(rand.Text()) }

// survey reads all domains of a host, sorted by id. It runs virsh twice, however many domains there
// are.
func (v virsh) survey(ctx context.Context, limit time.Duration) ([]domain, error) {
	mark := newMark()
	list := "list --all --uuid; echo " + string(mark) + "; list --all --uuid --transient"
	out, err := v.run(ctx, limit, "", list)
	if err != nil {
		return nil, err
	}

	all, transient, _ := strings.Cut(out, string(mark))
	ids := findIDs(all)
	switch {
	case len(ids) == 0:
		return nil, nil
	case len(ids) > maxDomains:
		return nil, fmt.Errorf("it has %d domains: at most %d are supported", len(ids), maxDomains)
	}

	out, err = v.run(ctx, limit, "", surveyScript(mark, ids, findIDs(transient)))
	if err != nil {
		return nil, err
	}

	return readSurvey(out, mark, ids)
}

// surveyScript describes every domain. A transient domain has no persistent definition.
func surveyScript(m mark, ids, transient []uuid.UUID) string {
	var s script
	for _, id := range ids {
		s.mark(m, "state", id)
		s.add("domstate", id, "")
		s.mark(m, "live", id)
		s.add("dumpxml", id, "")
		if !slices.Contains(transient, id) {
			s.mark(m, "config", id)
			s.add("dumpxml", id, "--inactive")
		}
	}

	return s.end(m)
}

// findIDs returns the words of a text that are UUIDs, sorted, each once.
func findIDs(text string) []uuid.UUID {
	var ids []uuid.UUID
	for _, field := range strings.Fields(text) {
		if id, ok := parseID(field); ok {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// readSurvey reads the output of surveyScript. Each part begins with a line that has the mark, the
// kind of the part, and the domain's id. A domain keeps the id by which it was asked for.
func readSurvey(out string, m mark, ids []uuid.UUID) ([]domain, error) {
	found := map[uuid.UUID]*domain{}
	for _, part := range strings.Split(out, string(m))[1:] {
		head, text, _ := strings.Cut(part, "\n")
		fields := strings.Fields(head)
		text = strings.TrimSpace(text)
		if len(fields) != 2 || text == "" {
			continue // The last mark, or a domain that has vanished.
		}

		kind := fields[0]
		id, ok := parseID(fields[1])
		if !ok || !slices.Contains(ids, id) {
			continue
		}

		d := found[id]
		if d == nil {
			d = &domain{id: id}
			found[id] = d
		}

		if err := d.readPart(kind, text); err != nil {
			return nil, fmt.Errorf("domain %s: %w", id, err)
		}
	}

	return completeDomains(found), nil
}

// readPart adds one part of a survey's output to the domain.
func (d *domain) readPart(kind, text string) error {
	if kind == "state" {
		d.State = printable(text)
		return nil
	}

	described, err := parseDomain(text)
	if err != nil {
		return err
	}

	if id, ok := parseID(described.UUID); !ok || id != d.id {
		return fmt.Errorf("libvirt describes another domain, %s", printable(described.UUID))
	}

	d.ID, d.Name = d.id.String(), described.Name

	switch {
	case kind == "config":
		d.Persistent, d.config = true, described.nics()
	case described.ID != "": // Without a process, this part repeats the definition.
		d.Running, d.live, d.agent = true, described.nics(), described.hasAgent()
	}

	return nil
}

// completeDomains returns the domains that were read completely, sorted by id.
func completeDomains(found map[uuid.UUID]*domain) []domain {
	var domains []domain
	for _, d := range found {
		if d.ID == "" || !d.Running && !d.Persistent {
			continue
		}

		shown := d.live
		if !d.Running {
			shown = d.config
		}

		for _, n := range shown {
			ours := strings.HasPrefix(n.alias, aliasPrefix)
			nic := GuestNIC{MAC: n.mac, IfName: n.dev, Bridge: n.bridge, Ours: ours}
			d.NICs = append(d.NICs, nic)
		}

		domains = append(domains, *d)
	}

	slices.SortFunc(domains, func(a, b domain) int { return cmp.Compare(a.ID, b.ID) })
	return domains
}
