package arievent

import (
	"errors"
	"fmt"
)

// ErrFormat is wrapped by the error of bytes that are not a JSON object.
var ErrFormat = errors.New("not a JSON object")

// MaxEvent bounds an event's length in bytes; the longest seen are some 4 kB.
const MaxEvent = 1 << 20

// Decode reads an event into e. An event of an unwanted type, or of a variable
// that nothing counts, is read just so far that this is clear.
func (e *Event) Decode(b []byte) error {
	e.reset()
	if len(b) > MaxEvent {
		return fmt.Errorf("%d bytes, an event has %d at the most: %w", len(b), MaxEvent, ErrFormat)
	}
	s := scanner{b: b, e: e}
	variable := false // a variable was named, and nothing counts it
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "type":
			name, ok := s.text()
			if !ok {
				return false
			}
			e.TypeName, e.Type = name, typeOf(name)
			if e.Type == ChannelVarset && variable && e.Variable == OtherVariable {
				e.Type = Unwanted
			}
			s.stop = e.Type <= Unwanted
			return true
		case "timestamp":
			t, ok := s.text()
			if ok {
				e.Millis, ok = ParseStamp(t)
				e.StampFault, ok = !ok, true
			}
			return ok
		case "variable":
			name, ok := s.text()
			e.Variable, variable = variableOf(name), true
			if e.Type == ChannelVarset && e.Variable == OtherVariable {
				e.Type, s.stop = Unwanted, true
			}
			return ok
		case "value":
			return s.into(&e.Value)
		case "channel":
			return s.channel(&e.Channel, usedChannel)
		case "caller":
			return s.channel(&e.Caller, usedCaller)
		case "peer":
			return s.channel(&e.Peer, usedPeer)
		case "forwarded":
			return s.channel(&e.Forwarded, usedForwarded)
		case "transferee":
			return s.channel(&e.Transferee, usedTransferee)
		case "transferer_first_leg":
			return s.channel(&e.FirstLeg, usedFirstLeg)
		case "transferer_second_leg":
			return s.channel(&e.SecondLeg, usedSecondLeg)
		case "bridge":
			return s.bridge(&e.Bridge, usedBridge)
		case "transferer_first_leg_bridge":
			return s.bridge(&e.FirstLegBridge, usedFirstBridge)
		case "transferer_second_leg_bridge":
			return s.bridge(&e.SecondBridge, usedSecondBridge)
		case "dialstatus":
			return s.into(&e.DialStatus)
		case "dialstring":
			return s.into(&e.DialString)
		case "forward":
			return s.into(&e.Forward)
		case "result":
			return s.into(&e.Result)
		case "destination_type":
			return s.into(&e.DestinationType)
		case "exten":
			return s.into(&e.Exten)
		case "digit":
			return s.into(&e.Digit)
		case "device_state":
			return s.device()
		case "cause":
			return s.int(&e.Cause)
		case "soft":
			return s.flag(&e.Soft)
		}
		return s.skip()
	})
	if !ok {
		return fmt.Errorf("at byte %d: %w", s.i, ErrFormat)
	}
	if !s.stop {
		if s.space(); s.i != len(b) {
			return fmt.Errorf("at byte %d, after the object: %w", s.i, ErrFormat)
		}
	}
	return nil
}

// channel reads what is needed of a channel.
func (s *scanner) channel(c *Channel, bit uint16) bool {
	if s.peek() != '{' {
		return s.skip() // null, or not a channel
	}
	s.e.used |= bit
	c.present = true
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "id":
			return s.into(&c.ID)
		case "name":
			return s.into(&c.Name)
		case "state":
			return s.into(&c.State)
		case "caller":
			return s.peek() != '{' && s.skip() || s.object(func(key []byte) bool {
				if string(key) == "number" {
					return s.into(&c.CallerNumber)
				}
				return s.skip()
			})
		case "dialplan":
			return s.peek() != '{' && s.skip() || s.object(func(key []byte) bool {
				switch string(key) {
				case "context":
					return s.into(&c.Context)
				case "exten":
					return s.into(&c.Exten)
				case "priority":
					return s.int(&c.Priority)
				case "app_name":
					return s.into(&c.App)
				case "app_data":
					return s.into(&c.AppData)
				}
				return s.skip()
			})
		}
		return s.skip()
	})
}

// bridge reads what is needed of a bridge.
func (s *scanner) bridge(b *Bridge, bit uint16) bool {
	if s.peek() != '{' {
		return s.skip()
	}
	s.e.used |= bit
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "id":
			return s.into(&b.ID)
		case "bridge_type":
			return s.into(&b.Type)
		case "technology":
			return s.into(&b.Technology)
		case "channels":
			return s.peek() != '[' && s.skip() || s.array(func() bool {
				if b.n == maxBridged {
					return s.skip()
				}
				b.n++
				return s.into(&b.channels[b.n-1])
			})
		}
		return s.skip()
	})
}

func (s *scanner) device() bool {
	return s.peek() != '{' && s.skip() || s.object(func(key []byte) bool {
		switch string(key) {
		case "name":
			return s.into(&s.e.Device)
		case "state":
			return s.into(&s.e.DeviceState)
		}
		return s.skip()
	})
}
