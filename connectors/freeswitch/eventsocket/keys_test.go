package eventsocket

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func collides(multiplier uint32) bool {
	seen := make(map[uint32]bool)
	for _, name := range keyNames {
		h := keyHash([]byte(name), multiplier)
		if seen[h] {
			return true
		}
		seen[h] = true
	}
	return false
}

func TestKeysHashWithoutCollision(t *testing.T) {
	if !collides(keyMultiplier) {
		return
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		if m := rnd.Uint32() | 1; !collides(m) {
			t.Fatalf("keyMultiplier %#x makes keys collide; %#x does not", uint32(keyMultiplier), m)
		}
	}
	t.Fatal("keyHash cannot tell the keys apart: choose other bytes of the name")
}

func TestKeysAreExact(t *testing.T) {
	for i, name := range keyNames {
		if got := keyOf([]byte(name)); got != uint8(i)+1 {
			t.Errorf("keyOf(%q) = %d, want %d", name, got, i+1)
		}
		if Key(i).String() != name {
			t.Errorf("Key(%d) is called %q, want %q", i, Key(i), name)
		}
		for _, other := range []string{strings.ToUpper(name), strings.ToLower(name), name + "s", name[1:], "x" + name} {
			if other != name && keyOf([]byte(other)) != 0 {
				t.Errorf("keyOf(%q) found %s", other, Key(keyOf([]byte(other))-1))
			}
		}
	}
	if k := keyOf(nil); k != 0 {
		t.Errorf("keyOf of no name is %d, want 0", k)
	}
}
