package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// contactsXLSX writes a workbook. The library holds rows back in a file of its own
// once there are many; a workbook can only be written when it is whole.
type contactsXLSX struct {
	out  io.Writer
	zone *time.Location

	file         *excelize.File
	sheet        *excelize.StreamWriter
	sheets, rows int // rows of this sheet, the header's included
	header, date int // styles
}

// sheetRows is how many rows a sheet holds; more go into another sheet.
const sheetRows = 1_048_576

func (x *contactsXLSX) write(c *api.Contact) (err error) {
	if x.sheet == nil || x.rows == sheetRows {
		if err := x.begin(); err != nil {
			return err
		}
	}
	x.rows++
	row := make([]any, 0, len(sheetColumns)+len(isoColumns))
	for _, col := range sheetColumns {
		row = append(row, x.cell(col.cell(c)))
	}
	for _, m := range isoMoments(c) {
		text := ""
		if m != 0 {
			text = m.Time().In(x.zone).Format(isoTime)
		}
		row = append(row, text)
	}
	return x.sheet.SetRow(fmt.Sprintf("A%d", x.rows), row)
}

// isoColumns repeat the moments with their offset, which a date of a spreadsheet
// does not have.
var isoColumns = []string{"joined_iso", "answered_iso", "ended_iso"}

func isoMoments(c *api.Contact) [3]metrics.Millis {
	return [3]metrics.Millis{c.Joined, c.Answered, c.Ended}
}

func (x *contactsXLSX) cell(v any) any {
	switch v := v.(type) {
	case string:
		return cellText(v)
	case api.Moment:
		if v == 0 {
			return nil
		}
		return excelize.Cell{StyleID: x.date, Value: metrics.Millis(v).Time().In(x.zone)}
	case seconds:
		return float64(v) / 1000
	}
	return v
}

// cellText is a text that a cell can hold.
func cellText(s string) string {
	s = strings.ToValidUTF8(harmless(s), "\uFFFD")
	if utf8.RuneCountInString(s) > excelize.TotalCellChars {
		s = string([]rune(s)[:excelize.TotalCellChars])
	}
	return s
}

// begin begins a sheet, with its header.
func (x *contactsXLSX) begin() (err error) {
	if x.file == nil {
		x.file = excelize.NewFile()
		if x.header, err = x.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
			return err
		}
		format := "yyyy-mm-dd hh:mm:ss"
		if x.date, err = x.file.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
			return err
		}
	}
	if err := x.endSheet(); err != nil {
		return err
	}
	x.sheets++
	name := "contacts"
	if x.sheets == 1 {
		err = x.file.SetSheetName("Sheet1", name)
	} else {
		name = fmt.Sprintf("contacts %d", x.sheets)
		_, err = x.file.NewSheet(name)
	}
	if err != nil {
		return err
	}
	if x.sheet, err = x.file.NewStreamWriter(name); err != nil {
		return err
	}
	var titles []any
	for i, col := range sheetColumns {
		if err := x.sheet.SetColWidth(i+1, i+1, col.width); err != nil {
			return err
		}
		titles = append(titles, excelize.Cell{StyleID: x.header, Value: col.title})
	}
	for _, title := range isoColumns {
		titles = append(titles, excelize.Cell{StyleID: x.header, Value: title})
	}
	if err := x.sheet.SetColWidth(len(sheetColumns)+1, len(titles), 30); err != nil {
		return err
	}
	if err := x.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	x.rows = 1
	return x.sheet.SetRow("A1", titles)
}

// endSheet makes the rows a table, which can be filtered and sorted by its header.
func (x *contactsXLSX) endSheet() error {
	if x.sheet == nil {
		return nil
	}
	last, err := excelize.CoordinatesToCellName(len(sheetColumns)+len(isoColumns), max(x.rows, 2))
	if err != nil {
		return err
	}
	if err := x.sheet.AddTable(&excelize.Table{Range: "A1:" + last, Name: fmt.Sprintf("contacts_%d", x.sheets), StyleName: "TableStyleLight1"}); err != nil {
		return err
	}
	return x.sheet.Flush()
}

func (x *contactsXLSX) end(api.Moment) error {
	if x.sheet == nil {
		if err := x.begin(); err != nil {
			return err
		}
	}
	err := x.endSheet()
	if err == nil {
		_, err = x.file.WriteTo(x.out)
	}
	if e := x.file.Close(); err == nil {
		err = e
	}
	return err
}
