package main

import (
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyd/connectors/api"
)

var rewritePictures = flag.Bool("rewrite", false, "write the pictures of the pages anew, as they are drawn now")

// keptPictures are what the pages are to look like.
const keptPictures = pagesFolder + "/test/pictures"

// changesOfPage are what the comparison has to notice of the sign-in page, and what not.
var changesOfPage = map[string]struct {
	css     string
	noticed bool
}{
	"colour":    {"form { background: #f4fbff !important }", true},
	"moved":     {"form { position: relative; left: 5px }", true},
	"bolder":    {"form * { font-weight: 700 !important }", true},
	"smoothed":  {"* { -webkit-text-stroke: 0.1px }", false},
	"unchanged": {"", false},
}

// TestPagesInPictures holds every page of a centre whose clock stands against a picture
// that is kept. After a change that is meant to be seen:
//
//	go test ./cmd/tallyd -run PagesInPictures -rewrite
//
// and look at what has become of connectors/web/pages/test/pictures.
func TestPagesInPictures(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	c := newFixedCentre(t)
	changes := map[string]string{}
	for name, x := range changesOfPage {
		changes[name] = x.css
	}
	drawn := filepath.Join(pictures(t), "compared")
	if err := os.RemoveAll(drawn); err != nil {
		t.Fatal(err)
	}
	drive(t, "pictures.mjs", map[string]any{"url": c.url, "now": c.clock, "pictures": drawn, "changes": changes,
		"token": c.token(api.Asker{Name: "boss", Role: api.AdminRole})}, func(string) {})
	if t.Failed() {
		return
	}
	names, err := filepath.Glob(filepath.Join(drawn, "*-[ez][nh].png"))
	if err != nil || len(names) < 20 {
		t.Fatalf("%d pictures, %v", len(names), err)
	}
	compare := func(name string, now image.Image) (different image.Image, words string) {
		t.Helper()
		kept, err := readPicture(filepath.Join(keptPictures, name))
		if err != nil {
			t.Fatalf("%v; -rewrite writes it", err)
		}
		return differing(kept, now)
	}
	var seen []string
	for _, file := range names {
		name := filepath.Base(file)
		seen = append(seen, name)
		whole, err := readPicture(file)
		if err != nil {
			t.Fatal(err)
		}
		now := halved(whole)
		if *rewritePictures {
			if err := writePicture(filepath.Join(keptPictures, name), fewColours(now)); err != nil {
				t.Fatal(err)
			}
		}
		if different, words := compare(name, now); words != "" {
			at := filepath.Join(drawn, strings.TrimSuffix(name, ".png")+"-different.png")
			if err := writePicture(at, different); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s is drawn in another way than in %s: %s; %s shows where (TALLYD_PICTURES keeps it)", name, keptPictures, words, at)
		}
	}
	for name, x := range changesOfPage {
		now, err := readPicture(filepath.Join(drawn, "sign-in-en-"+name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if _, words := compare("sign-in-en.png", halved(now)); (words != "") != x.noticed {
			t.Errorf("%s: the comparison says %q, noticed should be %t", name, words, x.noticed)
		}
	}
	kept, err := os.ReadDir(keptPictures)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, k := range kept {
		if !slices.Contains(seen, k.Name()) {
			t.Errorf("%s is kept, and no page is drawn so", k.Name())
		}
		if info, err := k.Info(); err == nil {
			size += info.Size()
		}
	}
	t.Logf("%d pictures, together %d kB", len(kept), size/1000)
	if size > 1_500_000 {
		t.Errorf("the pictures take %d bytes, want 1,500,000 at most", size)
	}
}

func readPicture(file string) (image.Image, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return png.Decode(f)
}

func writePicture(file string, p image.Image) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, p); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// The bounds of what is the same. A letter's edge is drawn a little otherwise by each
// version of a browser; areas, and where things are, are not.
const (
	edge     = 56 // of 255: by less may a pixel differ, in any colour
	edges    = 40 // pixels that may differ by more
	block    = 8  // pixels: the side of the squares whose means are compared
	areaEdge = 6  // of 255: by less may a mean differ
)

// differing compares a picture with the one that is kept; "" is that they are the same
// but for letters' edges. The picture shows what differs, in red.
func differing(kept, now image.Image) (different image.Image, words string) {
	if kept.Bounds().Size() != now.Bounds().Size() {
		return now, fmt.Sprintf("it is %v, and was %v (half size)", now.Bounds().Size(), kept.Bounds().Size())
	}
	b := now.Bounds()
	out := image.NewRGBA(b)
	pixels, areas := 0, 0
	for y := b.Min.Y; y < b.Max.Y; y += block {
		for x := b.Min.X; x < b.Max.X; x += block {
			var sum [3]int
			square := image.Rect(x, y, x+block, y+block).Intersect(b)
			for j := square.Min.Y; j < square.Max.Y; j++ {
				for i := square.Min.X; i < square.Max.X; i++ {
					was, is := colourAt(kept, i, j), colourAt(now, i, j)
					most := 0
					for k := range 3 {
						sum[k] += is[k] - was[k]
						most = max(most, is[k]-was[k], was[k]-is[k])
					}
					pale := func(v int) byte { return byte(192 + v/4) }
					set(out, i, j, pale(is[0]), pale(is[1]), pale(is[2]))
					if most > edge {
						pixels++
						set(out, i, j, 255, 0, 0)
					}
				}
			}
			n := square.Dx() * square.Dy()
			if slices.ContainsFunc(sum[:], func(s int) bool { return max(s, -s) > areaEdge*n }) {
				areas++
				for i := square.Min.X; i < square.Max.X; i++ {
					set(out, i, square.Min.Y, 255, 0, 0)
				}
			}
		}
	}
	if pixels <= edges && areas == 0 {
		return out, ""
	}
	return out, fmt.Sprintf("%d pixels and %d squares of %d pixels differ", pixels, areas, block)
}

func colourAt(p image.Image, x, y int) [3]int {
	r, g, b, _ := p.At(x, y).RGBA()
	return [3]int{int(r >> 8), int(g >> 8), int(b >> 8)}
}

func set(p *image.RGBA, x, y int, r, g, b byte) {
	copy(p.Pix[p.PixOffset(x, y):], []byte{r, g, b, 255})
}

// halved is a picture at half its size: of four pixels one, their mean.
func halved(p image.Image) *image.RGBA {
	b := p.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()/2, b.Dy()/2))
	for y := range b.Dy() / 2 {
		for x := range b.Dx() / 2 {
			var sum [3]int
			for _, d := range []image.Point{{}, {X: 1}, {Y: 1}, {X: 1, Y: 1}} {
				c := colourAt(p, b.Min.X+2*x+d.X, b.Min.Y+2*y+d.Y)
				for k := range sum {
					sum[k] += c[k]
				}
			}
			set(out, x, y, byte(sum[0]/4), byte(sum[1]/4), byte(sum[2]/4))
		}
	}
	return out
}

// fewColours is a picture with a palette, which takes a third of the room: the colours
// that are most frequent, each the mean of those that are almost it.
func fewColours(p *image.RGBA) *image.Paletted {
	const fine = 4 // bits by which colours are almost the same
	type bin struct{ n, r, g, b int }
	bins := map[int]*bin{}
	for i := 0; i < len(p.Pix); i += 4 {
		r, g, b := int(p.Pix[i]), int(p.Pix[i+1]), int(p.Pix[i+2])
		key := r>>fine<<16 | g>>fine<<8 | b>>fine
		if bins[key] == nil {
			bins[key] = &bin{}
		}
		x := bins[key]
		x.n, x.r, x.g, x.b = x.n+1, x.r+r, x.g+g, x.b+b
	}
	list := slices.SortedFunc(maps.Values(bins), func(a, b *bin) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.r, b.r), cmp.Compare(a.g, b.g), cmp.Compare(a.b, b.b))
	})
	var palette color.Palette
	for _, x := range list[:min(len(list), 256)] {
		palette = append(palette, color.RGBA{byte(x.r / x.n), byte(x.g / x.n), byte(x.b / x.n), 255})
	}
	out := image.NewPaletted(p.Bounds(), palette)
	near := map[color.RGBA]uint8{}
	for y := range p.Bounds().Dy() {
		for x := range p.Bounds().Dx() {
			c := p.RGBAAt(x, y)
			i, known := near[c]
			if !known {
				i = uint8(palette.Index(c))
				near[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}
