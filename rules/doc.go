// Package rules appraises agents and managers: schemes say by which figures, targets
// and weights, and cards are what comes of them. It is pure: the same scheme and the
// same facts give the same card, to the byte, on every machine.
package rules
