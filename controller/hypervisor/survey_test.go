package hypervisor

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

var bothIDs = []uuid.UUID{uuid.MustParse(webID), uuid.MustParse(dbID)}

// surveyOutput assembles the output of a survey from parts: kind, id and text.
func surveyOutput(mark string, parts ...[3]string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(mark + " " + p[0] + " " + p[1] + "\n" + p[2] + "\n")
	}
	return b.String() + mark + "\n"
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestReadSurvey reads descriptions as libvirt 9.0 prints them.
func TestReadSurvey(t *testing.T) {
	live, config := readFile(t, "testdata/live.xml"), readFile(t, "testdata/config.xml")
	out := surveyOutput("MARK",
		[3]string{"state", webID, "running\n"},
		[3]string{"live", webID, live},
		[3]string{"config", webID, config},
		[3]string{"state", dbID, ""}, // It vanished after it was listed.
		[3]string{"live", dbID, ""},
	)
	domains, err := readSurvey(out, "MARK", bothIDs)
	require.NoError(t, err)
	require.Len(t, domains, 1)

	d := domains[0]
	assert.Equal(t, Guest{
		ID: webID, Name: "web1", State: "running", Running: true, Persistent: true,
		NICs: []GuestNIC{
			{MAC: webMAC, IfName: "vnet0", Bridge: "virbr0"},
			{MAC: tap.MAC{0x52, 0x54, 0, 0xaa, 0, 2}, IfName: "vnet1", Bridge: "br0"},
			{MAC: tapMAC, IfName: "tapa1b2c3", Bridge: "brtap", Ours: true},
			{MAC: tap.MAC{0x52, 0x54, 0, 0xaa, 0, 4}, IfName: "macvtap0"},
		},
	}, d.Guest)
	assert.True(t, d.agent)
	assert.Len(t, d.config, 2)
	assert.Equal(t, "default", d.config[0].bridge, "the definition names the network alone")
	assert.Equal(t, ours, d.live[2].alias)
}

func TestReadSurveyOfDomainThatIsOff(t *testing.T) {
	config := readFile(t, "testdata/config.xml")
	out := surveyOutput(
		"MARK",
		[3]string{
			"state",
			webID,
			"shut off",
		},
		[3]string{"live", webID, config},
		[3]string{"config", webID, config},
	)
	domains, err := readSurvey(out, "MARK", bothIDs)
	require.NoError(t, err)
	require.Len(t, domains, 1)
	assert.False(t, domains[0].Running)
	assert.Empty(t, domains[0].live)
	assert.Len(t, domains[0].NICs, 2, "those of the definition")
}

func TestReadSurveyRefusesWhatIsNotXML(t *testing.T) {
	out := surveyOutput("MARK", [3]string{"live", webID, "<domain"})
	_, err := readSurvey(out, "MARK", bothIDs)
	require.ErrorContains(t, err, webID+": its description cannot be read")
}

func TestFindIDs(t *testing.T) {
	out := webID + "\n" + dbID + "\n" + webID + "\n\nnot-a-uuid\n" + webID + ";destroy\n{" + webID +
		"}\n"
	assert.Equal(
		t,
		[]uuid.UUID{uuid.MustParse(dbID), uuid.MustParse(webID)},
		findIDs(out),
		"sorted",
	)
}

// TestHostileDescriptions: what a rogue libvirt describes is an error of its host, and never
// becomes an id or a word of a command.
func TestHostileDescriptions(t *testing.T) {
	describe := func(name, id, nics string) string {
		return "<domain id='1'><name>" + name + "</name><uuid>" + id + "</uuid><devices>" + nics +
			"</devices></domain>"
	}
	nic := func(dev, alias string) string {
		return "<interface type='bridge'><mac address='52:54:00:aa:00:01'/><target dev='" + dev +
			"'/><alias name='" + alias + "'/></interface>"
	}
	for name, tc := range map[string]struct{ xml, want string }{
		"another domain": {describe("web1", dbID, ""),
			"libvirt describes another domain, " + dbID},
		"commands as id": {describe("web1", webID+"; destroy "+dbID, ""),
			"libvirt describes another domain"},
		"no id": {describe("web1", "", ""), "libvirt describes another domain"},
		"escapes in a name": {describe("web1\n2026 INFO all is well", webID, ""),
			"its name is not plain text"},
		"long name": {describe(strings.Repeat("x", 256), webID, ""),
			"its name is not plain text"},
		"escapes in a NIC": {describe("web1", webID, nic("vnet\t0", "net0")),
			"a NIC has a text that is not plain"},
		"words in an alias": {describe("web1", webID, nic("vnet0", "ua-tapline-c1-s1 --config")),
			"which libvirt would not accept"},
		"many NICs": {describe("web1", webID, strings.Repeat(nic("vnet0", "net0"), 300)),
			"it has 300 NICs"},
		"deep nesting": {strings.Repeat("<domain>", 20_000), "its description cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readSurvey(
				surveyOutput("MARK", [3]string{"live", webID, tc.xml}),
				"MARK",
				bothIDs,
			)
			require.ErrorContains(t, err, "domain "+webID+": ")
			require.ErrorContains(t, err, tc.want)
		})
	}

	// A part about a domain that was not asked for is ignored.
	out := surveyOutput("MARK", [3]string{"live", dbID, describe("db1", dbID, "")})
	domains, err := readSurvey(out, "MARK", []uuid.UUID{uuid.MustParse(webID)})
	require.NoError(t, err)
	assert.Empty(t, domains)
}

func TestScriptHoldsNothingOfTheHost(t *testing.T) {
	text := surveyScript("MARK", bothIDs, bothIDs[:1])
	for _, command := range strings.Split(text, "; ") {
		assert.Regexp(
			t,
			`^(echo MARK( (state|live|config) [0-9a-f-]{36})?|(domstate|dumpxml) [0-9a-f-]{36} `+
				`(--inactive)?)$`,
			command,
		)
	}
	assert.Equal(t, 1, strings.Count(text, "--inactive"), "a transient domain has no definition")
}

func FuzzReadSurvey(f *testing.F) {
	f.Add("running", "<domain id='1'><name>a</name><uuid>"+webID+"</uuid></domain>", "<domain/>")
	f.Add("shut off", readFile(f, "testdata/live.xml"), readFile(f, "testdata/config.xml"))
	f.Fuzz(func(t *testing.T, state, live, config string) {
		out := surveyOutput(
			"MARK",
			[3]string{"state", webID, state},
			[3]string{"live", webID, live},
			[3]string{"config", webID, config},
		)
		domains, err := readSurvey(out, "MARK", bothIDs)
		if err != nil && domains != nil {
			t.Fatal("domains beside an error")
		}
		for _, d := range domains {
			if !d.Running && !d.Persistent {
				t.Fatalf("%+v is neither running nor defined", d.Guest)
			}
			if d.ID != webID {
				t.Fatalf("asked for %s, and got %s", webID, d.ID)
			}
			for _, text := range []string{d.Name, d.State} {
				if strings.ContainsFunc(text, unicode.IsControl) {
					t.Fatalf("%q is not plain", text)
				}
			}
		}
	})
}

func TestReadAddresses(t *testing.T) {
	out := "MARK addresses " + webID + `
 Name       MAC address          Protocol     Address
-------------------------------------------------------------------------------
 vnet0      52:54:00:aa:00:01    ipv4         10.0.0.5/24
 vnet0      52:54:00:aa:00:01    ipv6         fe80::1/64
 vnet0      52:54:00:aa:00:01    ipv6         2001:db8::5/64
 vnet0      52:54:00:aa:00:01    ipv4         10.0.0.4/24
 vnet0      52:54:00:aa:00:01    ipv4         10.0.0.4/24
 lo         00:00:00:00:00:00    ipv4         127.0.0.1/8
 vnet9      52:54:00:aa:00:09    ipv4         10.0.0.9/24
 vnet0      52:54:00:aa:00:01    ipv4         nonsense
MARK addresses ` + dbID + `
 vnet0      52:54:00:aa:00:01    ipv4         10.0.0.6/24
MARK
`
	found := addresses{}
	readAddresses(
		out,
		"MARK",
		[]domain{{Guest: Guest{ID: webID, NICs: []GuestNIC{{MAC: webMAC}}}}},
		found,
	)
	assert.Equal(t, addresses{{webID, webMAC}: {
		netip.MustParseAddr(
			"10.0.0.4",
		),
		netip.MustParseAddr("10.0.0.5"),
		netip.MustParseAddr("2001:db8::5"),
	}}, found)
}
