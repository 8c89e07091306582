package rules

import "math"

// An agent who works nights on the hard queue is not to be compared with one who works
// days on the easy one. What queues and hours do to a figure is estimated together with
// what agents do; what an agent's cases would have come to on the usual mix is the
// adjusted figure.
//
// The model is additive: a case is the mean, and the agent, and the queue, and the part
// of the week, and the queue at that part, and chance. Whose queue and shift is whose
// is taken to say nothing of skill: queues and parts of the week are what they are
// (fixed effects), agents differ by chance around 0 (random effects), as do queues at
// parts of the week, so that what all agents of a shift have in common is the shift's.
// How much the latter two differ is estimated too (expectation and maximisation).
// Sweeps go over all one after the other, a fixed number of times.

// Cell is what an agent has of a queue in one part of the week.
type Cell struct {
	Agent int // from 0
	Queue int // from 0
	Part  int // of the week, from 0
	N     int64
	Sum   float64 // of the cases
}

const (
	// partsOfWeek: hours are pooled into two-hour parts of working days and of
	// weekends; an agent sees few of 168.
	partsOfWeek = 2 * 12
	mixSweeps   = 80
)

// partOfWeek is the part that an hour of the week is in.
func partOfWeek(hour int) int {
	day, of := hour/24, hour%24
	part := of / 2
	if day >= 5 {
		part += 12
	}
	return part
}

// effects are those of one kind.
type effects struct {
	group    []int // of each cell
	n        []float64
	value    []float64
	random   bool
	variance float64 // of random ones
}

// newEffects are of so many groups, which differ by variance if they are random; 0:
// they are fixed.
func newEffects(cells []Cell, groups int, of func(*Cell) int, variance float64) *effects {
	e := &effects{make([]int, len(cells)), make([]float64, groups), make([]float64, groups), variance > 0, variance}
	for i := range cells {
		g := of(&cells[i])
		e.group[i] = g
		e.n[g] += float64(cells[i].N)
	}
	return e
}

// AdjustMix gives each agent's figure as it would be on the mix of queues and hours
// that all agents have together. caseVariance is that of one case. Who has no cases
// has the mean of all.
func AdjustMix(cells []Cell, agents int, caseVariance float64) []float64 {
	queues, n, sum := 0, 0.0, 0.0
	for i := range cells {
		queues = max(queues, cells[i].Queue+1)
		n += float64(cells[i].N)
		sum += cells[i].Sum
	}
	out := make([]float64, agents)
	if n == 0 {
		return out
	}
	mean := sum / n
	start := caseVariance / 50
	own := newEffects(cells, agents, func(c *Cell) int { return c.Agent }, start)
	kinds := []*effects{
		own,
		newEffects(cells, queues, func(c *Cell) int { return c.Queue }, 0),
		newEffects(cells, partsOfWeek, func(c *Cell) int { return c.Part }, 0),
		newEffects(cells, queues*partsOfWeek, func(c *Cell) int { return c.Queue*partsOfWeek + c.Part }, start/4),
	}
	left := make([]float64, len(cells)) // Σ of what is not explained, of a cell
	for i := range cells {
		left[i] = cells[i].Sum - mul(float64(cells[i].N), mean)
	}
	if caseVariance > 0 {
		for range mixSweeps {
			for _, e := range kinds {
				e.sweep(cells, left, caseVariance)
			}
		}
	}
	// What is left with the agents' own part put back, over the agents' cases.
	for i := range cells {
		c := &cells[i]
		out[c.Agent] += left[i] + mul(float64(c.N), own.value[c.Agent])
	}
	for a := range out {
		if own.n[a] > 0 {
			out[a] = mean + out[a]/own.n[a]
		} else {
			out[a] = mean
		}
	}
	return out
}

// sweep estimates the effects of a kind anew, with the others as they are, and how
// much they differ.
func (e *effects) sweep(cells []Cell, left []float64, caseVariance float64) {
	sums := make([]float64, len(e.value))
	for i, g := range e.group {
		sums[g] += left[i] + mul(float64(cells[i].N), e.value[g])
	}
	draw := 1.0 // case: fixed effects of few cases are uncertain too
	if e.random {
		draw = caseVariance / math.Max(e.variance, mul(caseVariance, 1e-9))
	}
	squares, groups := 0.0, 0.0
	change := make([]float64, len(e.value))
	for g := range e.value {
		if e.n[g] == 0 {
			continue
		}
		now := sums[g] / (e.n[g] + draw)
		change[g] = now - e.value[g]
		e.value[g] = now
		squares += mul(now, now) + caseVariance/(e.n[g]+draw)
		groups++
	}
	for i, g := range e.group {
		left[i] -= mul(float64(cells[i].N), change[g])
	}
	e.variance = squares / groups
}
