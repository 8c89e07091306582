package playback

import "strings"

// subscribe serves `event plain|json NAME … CUSTOM SUBCLASS …`. Names add to
// those of earlier commands; what follows CUSTOM are subclasses.
func (c *client) subscribe(words []string) {
	names := 0
	custom := false
	for i, word := range words {
		name := strings.ToUpper(word)
		switch {
		case i == 0 && name == "PLAIN":
			c.format = plainFormat
		case i == 0 && name == "JSON":
			c.format = jsonFormat
		case i == 0 && name == "XML":
			c.reply("-ERR xml is not played back")
			return
		case custom:
			c.subclasses[word] = true
		case name == "ALL":
			names++
			c.all = true
		default:
			names++
			c.events[name] = true
			custom = name == "CUSTOM"
		}
	}
	if names == 0 {
		c.reply("-ERR no keywords supplied")
		return
	}
	c.reply("+OK event listener enabled " + [...]string{"plain", "json"}[c.format])
	c.server.room.Broadcast()
}

// nix serves `nixevent NAME … CUSTOM SUBCLASS …`.
func (c *client) nix(words []string) {
	if len(words) == 0 {
		c.reply("-ERR no keywords supplied")
		return
	}
	custom := false
	for _, word := range words {
		name := strings.ToUpper(word)
		switch {
		case custom:
			c.subclasses[word] = false
		case name == "CUSTOM":
			custom = true
		case name == "ALL":
			c.all = false
			clear(c.events)
		default:
			c.events[name] = false
		}
	}
	c.reply("+OK events nixed")
}

func (c *client) noEvents() {
	if !c.subscribed() {
		c.reply("-ERR not listening for events")
		return
	}
	c.all = false
	clear(c.events)
	clear(c.subclasses)
	c.reply("+OK no longer listening for events")
}

func (c *client) subscribed() bool {
	if c.all {
		return true
	}
	for _, on := range c.events {
		if on {
			return true
		}
	}
	return false
}

// wants reports that an event is subscribed to: by ALL unless it was nixed, or
// by its name, and then a CUSTOM one by its subclass too.
func (c *client) wants(name, subclass string) bool {
	if c.gone || c.finishing {
		return false
	}
	on, said := c.events[name]
	if name != "CUSTOM" {
		return on || c.all && !said
	}
	if sub, said := c.subclasses[subclass]; said {
		return sub && (c.all || on)
	}
	return c.all
}
