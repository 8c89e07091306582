// Package expression compiles the expressions that people write into schemes and
// alerts: CEL over named numbers. Every number is a double, also one that is written:
// 3 / 4 is 0.75. There are no loops, and an expression is short, so that its cost is
// bounded by its length.
package expression

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
)

const (
	maxLength = 1000 // bytes
	maxDepth  = 50
	maxCost   = 10_000
)

// Expression is a compiled one. Any goroutine may evaluate it.
type Expression struct {
	Text    string
	program cel.Program
}

// Values gives an expression what it asks for by name: a float64, or a string; false
// where there is nothing.
type Values func(name string) (any, bool)

// Variable is a name that expressions know.
type Variable struct {
	Name string
	Text bool // a string, not a number
}

// Number compiles an expression that comes to a number.
func Number(text string, known []Variable) (*Expression, []error) {
	return compile(text, known, cel.DoubleType)
}

// Condition compiles one that holds or does not.
func Condition(text string, known []Variable) (*Expression, []error) {
	return compile(text, known, cel.BoolType)
}

func compile(text string, known []Variable, want *cel.Type) (*Expression, []error) {
	if len(text) > maxLength {
		return nil, []error{fmt.Errorf("the expression has %d bytes, %d are the most", len(text), maxLength)}
	}
	options := []cel.EnvOption{cel.ClearMacros(), ext.Math(), cel.ParserExpressionSizeLimit(maxLength), cel.ParserRecursionLimit(maxDepth), cel.CrossTypeNumericComparisons(true)}
	for _, v := range known {
		kind := cel.DoubleType
		if v.Text {
			kind = cel.StringType
		}
		options = append(options, cel.Variable(v.Name, kind))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, []error{err}
	}
	tree, issues := env.Parse(text)
	if issues.Err() == nil {
		doubles(tree)
		tree, issues = env.Check(tree)
	}
	if issues.Err() != nil {
		var out []error
		for _, e := range issues.Errors() {
			out = append(out, fmt.Errorf("%q, at character %d: %s", text, e.Location.Column()+1, strings.Join(strings.Fields(e.Message), " ")))
		}
		return nil, out
	}
	if !tree.OutputType().IsExactType(want) {
		return nil, []error{fmt.Errorf("%q comes to a %s, not to a %s", text, tree.OutputType(), want)}
	}
	program, err := env.Program(tree, cel.CostLimit(maxCost))
	if err != nil {
		return nil, []error{fmt.Errorf("%q: %w", text, err)}
	}
	return &Expression{text, program}, nil
}

// doubles makes every whole number of an expression a double.
func doubles(tree *cel.Ast) {
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(tree.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.LiteralKind {
			return
		}
		switch v := e.AsLiteral().(type) {
		case types.Int:
			e.SetKindCase(factory.NewLiteral(e.ID(), types.Double(v)))
		case types.Uint:
			e.SetKindCase(factory.NewLiteral(e.ID(), types.Double(v)))
		}
	}))
}

// activation notes what there is not.
type activation struct {
	values  Values
	missing string
}

var _ interpreter.Activation = (*activation)(nil)

// ResolveName gives a name's value.
func (a *activation) ResolveName(name string) (any, bool) {
	v, known := a.values(name)
	if !known && a.missing == "" {
		a.missing = name
	}
	return v, known
}

// Parent is none.
func (a *activation) Parent() interpreter.Activation { return nil }

// Missing is the error of an expression that asks for something that there is not.
type Missing struct{ Name string }

func (m *Missing) Error() string { return "there is nothing to form " + m.Name + " over" }

// ErrNoNumber is the error of an expression whose value is no number.
var ErrNoNumber = errors.New("the expression comes to no number: it divides by 0")

func (e *Expression) eval(values Values) (ref.Val, error) {
	a := &activation{values: values}
	out, _, err := e.program.Eval(a)
	if err != nil && a.missing != "" {
		err = &Missing{a.missing}
	}
	return out, err
}

// Number is the value of an expression that comes to one.
func (e *Expression) Number(values Values) (float64, error) {
	out, err := e.eval(values)
	if err != nil {
		return 0, err
	}
	v, is := out.Value().(float64)
	if !is || math.IsNaN(v) || math.Abs(v) > 1e15 {
		return 0, ErrNoNumber
	}
	return v, nil
}

// Holds tells whether a condition does.
func (e *Expression) Holds(values Values) (bool, error) {
	out, err := e.eval(values)
	if err != nil {
		return false, err
	}
	yes, _ := out.Value().(bool)
	return yes, nil
}
