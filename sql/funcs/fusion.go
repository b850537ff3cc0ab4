package funcs

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// rankFusionOID is that of quiver.rrf of two distances; those of more follow.
const rankFusionOID types.OID = 9992

// rankFusionMax is the most distances that quiver.rrf takes.
const rankFusionMax = 5

func init() {
	for n := 2; n <= rankFusionMax; n++ {
		Register(&Function{
			OID: rankFusionOID + types.OID(n-2), Schema: "quiver", Name: "rrf", Kind: KindFunction,
			Args: slices.Repeat([]types.OID{types.Float8OID}, n), Result: types.Float8OID, Volatility: Stable,
			Impl: Impl{Kernel: noRankFusion},
		})
	}
}

// noRankFusion: the ranks of a row are known to the plan of a whole query alone.
func noRankFusion(*types.EvalContext, []types.Vec, int) (arrow.Array, error) {
	return nil, sqlerr.New(sqlerr.FeatureNotSupported, "quiver.rrf is supported only as ORDER BY quiver.rrf(…) DESC LIMIT over one table").
		WithHint("Its arguments must be distances of columns of that table to vectors, such as embedding <=> $1.")
}
