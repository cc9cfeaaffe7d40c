package hypervisor

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// survey reads all domains of a host, sorted by id. It runs virsh twice, however many domains
// there are: virsh takes several commands in one argument, and continues after one that fails, as
// when a domain has just vanished.
func (v virsh) survey(ctx context.Context, limit time.Duration) ([]domain, error) {
	// The mark separates the parts of the output. It is random, so that no guest can forge it.
	mark := rand.Text()
	list := "list --all --uuid; echo " + mark + "; list --all --uuid --transient; echo " + mark
	out, err := v.run(ctx, limit, "", list)
	if err != nil {
		return nil, err
	}

	all, transient, _ := strings.Cut(out, mark)
	ids := findUUIDs(all)
	if len(ids) == 0 {
		return nil, nil
	}

	out, err = v.run(ctx, limit, "", surveyScript(mark, ids, findUUIDs(transient)))
	if err != nil {
		return nil, err
	}
	return readSurvey(out, mark)
}

// surveyScript describes every domain. A transient domain has no persistent definition.
func surveyScript(mark string, ids, transient []string) string {
	var script strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&script, "echo %[1]s state %[2]s; domstate %[2]s; ", mark, id)
		fmt.Fprintf(&script, "echo %[1]s live %[2]s; dumpxml %[2]s; ", mark, id)
		if !slices.Contains(transient, id) {
			fmt.Fprintf(&script, "echo %[1]s config %[2]s; dumpxml %[2]s --inactive; ", mark, id)
		}
	}
	script.WriteString("echo " + mark)
	return script.String()
}

// findUUIDs returns the words of a text that are UUIDs, sorted.
func findUUIDs(text string) []string {
	var ids []string
	for _, field := range strings.Fields(text) {
		if uuidForm.MatchString(field) {
			ids = append(ids, field)
		}
	}
	slices.Sort(ids)
	return ids
}

// readSurvey reads the output of surveyScript. Each part begins with a line that has the mark, the
// kind of the part, and the domain's UUID.
func readSurvey(out, mark string) ([]domain, error) {
	found := map[string]*domain{}
	for _, part := range strings.Split(out, mark)[1:] {
		head, text, _ := strings.Cut(part, "\n")
		fields := strings.Fields(head)
		text = strings.TrimSpace(text)
		if len(fields) != 2 || text == "" {
			continue // The last mark, or a domain that has vanished.
		}

		kind, id := fields[0], fields[1]
		d := found[id]
		if d == nil {
			d = &domain{}
			found[id] = d
		}
		if err := d.readPart(kind, text); err != nil {
			return nil, err
		}
	}
	return completeDomains(found), nil
}

// readPart adds one part of a survey's output to the domain.
func (d *domain) readPart(kind, text string) error {
	if kind == "state" {
		d.State = text
		return nil
	}

	described, err := parseDomain(text)
	if err != nil {
		return err
	}
	d.ID, d.Name = described.UUID, described.Name

	switch {
	case kind == "config":
		d.Persistent, d.config = true, described.nics()
	case described.ID != "": // Without a process, this part repeats the definition.
		d.Running, d.live, d.agent = true, described.nics(), described.hasAgent()
	}
	return nil
}

// completeDomains returns the domains that were read completely, sorted by id.
func completeDomains(found map[string]*domain) []domain {
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
