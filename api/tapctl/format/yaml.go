package format

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// YAML writes a value as YAML that readers of YAML 1.1 and 1.2 understand alike.
//
// Text that is not plainly a word is quoted: YAML 1.1 takes "no" for false, and a MAC address such
// as 52:54:00:12:34:56 for a number of base 60. Control characters are written as escapes.
//
// The encoder is yaml/v3, which cobra needs anyway, and not goccy/go-yaml, which reads our files:
// that one passes control characters through, and takes 12 s for 10,000 tap flows.
func YAML(w io.Writer, v any) error {
	root, err := Tree(v)
	if err != nil {
		return err
	}

	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(yamlNode(root)); err != nil {
		return err
	}

	return encoder.Close()
}

// yamlNode is a value of a [Tree] as a node of a YAML document.
func yamlNode(v any) *yaml.Node {
	switch v := v.(type) {
	case Object:
		node := &yaml.Node{Kind: yaml.MappingNode, Style: flowIfEmpty(len(v))}
		for _, f := range v {
			node.Content = append(node.Content, textNode(f.Name), yamlNode(f.Value))
		}
		return node

	case []any:
		node := &yaml.Node{Kind: yaml.SequenceNode, Style: flowIfEmpty(len(v))}
		for _, item := range v {
			node.Content = append(node.Content, yamlNode(item))
		}
		return node

	case string:
		return textNode(v)
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	}
	panic(fmt.Sprintf("format: a tree holds a %T", v))
}

// flowIfEmpty has empty lists and objects written as [] and {}.
func flowIfEmpty(n int) yaml.Style {
	if n == 0 {
		return yaml.FlowStyle
	}
	return 0
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z_]([A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?$`)
	// otherMeaning are words that YAML 1.1 takes for booleans or null.
	otherMeaning = regexp.MustCompile(`^(?i:y|yes|n|no|on|off|true|false|null)$`)
)

// textNode is a string: a plain word as it is, several printable lines as a block, anything else in
// double quotes.
func textNode(s string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case plainWord.MatchString(s) && !otherMeaning.MatchString(s):
	case isBlock(s):
		node.Style = yaml.LiteralStyle
	default:
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// isBlock reports whether a text can be read well as a literal block (YAML 1.2.2, 8.1.2).
func isBlock(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if strings.HasPrefix(body, " ") || strings.HasPrefix(body, "\n") ||
		strings.HasSuffix(body, "\n") {
		return false
	}

	unprintable := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	return strings.Contains(body, "\n") && !strings.ContainsFunc(body, unprintable)
}
