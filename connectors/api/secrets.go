package api

import (
	"crypto/rand"
	"encoding/base64"

	"tallyd/storage"
)

// NewSecret has 256 random bits, in characters that a URL takes.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends if the system has no randomness
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// WriteSecret writes a file that only its owner reads, whole or not at all.
func WriteSecret(file, text string) error { return storage.WriteFile(file, []byte(text)) }
