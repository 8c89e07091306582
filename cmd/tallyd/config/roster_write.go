package config

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

var errSplice = errors.New("the roster's agents are not a list with one entry after another")

// splice puts the agents into the text of the other roster, in which nothing
// else changes.
func (m *merge) splice(into []byte, all []rosterAgent) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(into, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errSplice
	}
	root := doc.Content[0]
	lines := strings.SplitAfter(string(into), "\n")
	var list *yaml.Node
	end := len(lines) // the line after the last entry, counting from 0
	for i := 0; i+1 < len(root.Content); i += 2 {
		if list != nil {
			end = root.Content[i].Line - 1
			break
		}
		if root.Content[i].Value == "agents" {
			list = root.Content[i+1]
		}
	}
	if list == nil || list.Kind != yaml.SequenceNode || list.Style&yaml.FlowStyle != 0 || len(list.Content) == 0 {
		return nil, errSplice
	}
	begin := make([]int, len(list.Content)+1)
	indent := ""
	for i, n := range list.Content {
		begin[i] = n.Line - 1
		dash := strings.IndexByte(lines[begin[i]], '-')
		if dash < 0 || strings.TrimSpace(lines[begin[i]][:dash]) != "" || i > 0 && begin[i] <= begin[i-1] {
			return nil, errSplice
		}
		indent = lines[begin[i]][:dash]
	}
	begin[len(list.Content)] = end
	entry := func(now int) (string, error) {
		b, err := encode(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{m.node(all[now], "agents."+strconv.Itoa(now))}})
		return indent + strings.TrimSuffix(strings.ReplaceAll(string(b), "\n", "\n"+indent), indent), err
	}
	var out strings.Builder
	out.WriteString(strings.Join(lines[:begin[0]], ""))
	for i := range list.Content {
		// Comments and blank lines before the next entry are that one's.
		over := begin[i+1]
		for over > begin[i]+1 && (strings.TrimSpace(lines[over-1]) == "" || strings.HasPrefix(strings.TrimSpace(lines[over-1]), "#")) {
			over--
		}
		text := strings.Join(lines[begin[i]:over], "")
		if now, ok := m.replaced[i]; ok {
			var err error
			if text, err = entry(now); err != nil {
				return nil, err
			}
		}
		out.WriteString(text)
		if i+1 == len(list.Content) {
			if !strings.HasSuffix(text, "\n") {
				out.WriteString("\n")
			}
			for _, now := range m.added {
				text, err := entry(now)
				if err != nil {
					return nil, err
				}
				out.WriteString(text)
			}
		}
		out.WriteString(strings.Join(lines[over:begin[i+1]], ""))
	}
	out.WriteString(strings.Join(lines[end:], ""))
	return []byte(out.String()), nil
}

// write makes the YAML by way of its tree, which keeps comments, but no blank
// lines.
func (m *merge) write(into []byte, all []rosterAgent) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(into, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		comments := doc
		if len(doc.Content) > 0 {
			comments = *doc.Content[0]
		}
		doc = yaml.Node{Kind: yaml.DocumentNode, HeadComment: comments.HeadComment, FootComment: comments.FootComment,
			Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	list, err := agentsNode(doc.Content[0])
	if err != nil {
		return nil, err
	}
	for i, now := range m.replaced {
		n := m.node(all[now], "agents."+strconv.Itoa(now))
		n.HeadComment, n.FootComment = list.Content[i].HeadComment, list.Content[i].FootComment
		list.Content[i] = n
	}
	for _, now := range m.added {
		list.Content = append(list.Content, m.node(all[now], "agents."+strconv.Itoa(now)))
	}
	return encode(&doc)
}

func encode(n *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	return out.Bytes(), e.Close()
}

// agentsNode finds or makes the list of agents.
func agentsNode(root *yaml.Node) (*yaml.Node, error) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != "agents" {
			continue
		}
		n := root.Content[i+1]
		if n.Kind != yaml.SequenceNode {
			return nil, errors.New("the roster's agents are an alias, which nothing can be put into")
		}
		n.Style = 0
		return n, nil
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	root.Content = append(root.Content, text("agents"), list)
	return list, nil
}

// node writes an agent; changes and logins take a line each.
func (m *merge) node(a rosterAgent, at string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	pair(n, "id", text(a.ID))
	for _, x := range []struct {
		key   string
		value string
		node  func(string) *yaml.Node
	}{{"name", a.Name, text}, {"team", a.Team, text}, {"role", a.Role, text}, {"shift", a.Shift, text}, {"from", a.From, date}, {"until", a.Until, date}} {
		if x.value != "" {
			pair(n, x.key, x.node(x.value))
		}
	}
	if len(a.Logins) > 0 {
		pair(n, "logins", loginsNode(a.Logins))
	}
	if len(a.Changes) == 0 {
		return n
	}
	changes := &yaml.Node{Kind: yaml.SequenceNode}
	for j, c := range a.Changes {
		in := at + ".changes." + strconv.Itoa(j)
		x := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		pair(x, "from", date(c.From))
		if c.Away {
			pair(x, "away", &yaml.Node{Kind: yaml.ScalarNode, Value: "true"})
		}
		for _, y := range [][2]string{{"team", c.Team}, {"role", c.Role}, {"shift", c.Shift}} {
			if m.Set(in + "." + y[0]) {
				pair(x, y[0], text(y[1]))
			}
		}
		if c.Logins != nil {
			pair(x, "logins", loginsNode(c.Logins))
		}
		changes.Content = append(changes.Content, x)
	}
	pair(n, "changes", changes)
	return n
}

func loginsNode(logins map[string][]string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, sw := range slices.Sorted(maps.Keys(logins)) {
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, l := range logins[sw] {
			list.Content = append(list.Content, text(l))
		}
		pair(n, sw, list)
	}
	return n
}

func pair(n *yaml.Node, key string, value *yaml.Node) {
	n.Content = append(n.Content, text(key), value)
}

// text is a scalar that is quoted where another reader of YAML would take it for
// something else than text.
func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// date is a scalar that is not quoted.
func date(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }
