package metrics

import "encoding/binary"

const rollupVersion = 1

// AppendBinary appends the rollup's binary form: version, interval, kind,
// switch, name, second name, the counters that are not 0 as (number, value),
// and of each histogram the bins that are not 0 as (distance, count). The same
// rollup has the same bytes.
func (r *Rollup) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, rollupVersion)
	b = appendVarint(b, int64(r.Interval))
	b = binary.AppendUvarint(b, uint64(r.Kind))
	b = appendString(b, r.Switch)
	b = appendString(b, r.Name)
	b = appendString(b, r.Second)
	n := 0
	for _, v := range r.Values {
		if v != 0 {
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for c, v := range r.Values {
		if v != 0 {
			b = binary.AppendUvarint(b, uint64(c))
			b = appendVarint(b, v)
		}
	}
	n = 0
	for _, h := range r.Histograms {
		if h != nil {
			n++
		}
	}
	b = binary.AppendUvarint(b, uint64(n))
	for k, h := range r.Histograms {
		if h == nil {
			continue
		}
		b = binary.AppendUvarint(b, uint64(k))
		n := 0
		for _, v := range h {
			if v != 0 {
				n++
			}
		}
		b = binary.AppendUvarint(b, uint64(n))
		last := 0
		for i, v := range h {
			if v != 0 {
				b = binary.AppendUvarint(b, uint64(i-last))
				b = appendVarint(b, v)
				last = i
			}
		}
	}
	return b, nil
}

// UnmarshalBinary reads the form that AppendBinary writes. An error names the
// byte at which the form is broken. It keeps the names that r has and that are there
// again.
func (r *Rollup) UnmarshalBinary(b []byte) error {
	d := wireReader{b: b}
	*r = Rollup{Switch: r.Switch, Name: r.Name, Second: r.Second}
	d.version("rollup", rollupVersion)
	r.Interval = Interval(d.varint("interval"))
	kind := d.uvarint("kind")
	if kind >= uint64(rowKinds) {
		d.fail("kind")
	}
	r.Kind = RowKind(kind)
	d.stringInto(&r.Switch, "switch")
	d.stringInto(&r.Name, "name")
	d.stringInto(&r.Second, "second name")
	for n := d.uvarint("number of counters"); n > 0 && d.err == nil; n-- {
		c, v := d.uvarint("counter"), d.varint("value")
		if c >= uint64(numCounters) {
			d.fail("counter")
			break
		}
		r.Values[c] = v
	}
	for n := d.uvarint("number of histograms"); n > 0 && d.err == nil; n-- {
		k := d.uvarint("histogram")
		if k >= uint64(histogramKinds) {
			d.fail("histogram")
			break
		}
		h, bin := make(Histogram, WaitBins), uint64(0)
		for m := d.uvarint("number of bins"); m > 0 && d.err == nil; m-- {
			bin += d.uvarint("bin")
			v := d.varint("count")
			if bin >= uint64(WaitBins) {
				d.fail("bin")
				break
			}
			h[bin] = v
		}
		r.Histograms[k] = h
	}
	return d.done()
}
