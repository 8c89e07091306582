package metrics

// Rename puts a name in the place of an agent's everywhere in a contact.
func (c *Contact) Rename(agent, name string) (changed bool) {
	if c.Agent == agent {
		c.Agent, changed = name, true
	}
	for i := range c.Attempts {
		if c.Attempts[i].Agent == agent {
			c.Attempts[i].Agent, changed = name, true
		}
	}
	return changed
}

// RenameSpans puts a name in the place of an agent's in spans.
func RenameSpans(spans []NamedSpan, agent, name string) (changed bool) {
	for i := range spans {
		if spans[i].Agent == agent {
			spans[i].Agent, changed = name, true
		}
	}
	return changed
}

// RenameStanding puts a name in the place of an agent's in a Sealed's Standing.
func RenameStanding(b []byte, agent, name string) ([]byte, bool, error) {
	p := NewPeople(nil, true, nil)
	c := Decoder(b)
	codeStanding(c, p.last)
	s, there := p.last[agent]
	if err := c.Done(); err != nil || !there {
		return b, false, err
	}
	delete(p.last, agent)
	p.last[name] = s
	return p.standing(), true, nil
}
