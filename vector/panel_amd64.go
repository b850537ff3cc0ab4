package vector

// assemblyPanels wraps kernels of so many lanes.
func assemblyPanels(lanes int,
	nearest func(rows *float32, stride int, ids *uint32, panel *float32, dim, panels int, best *float32, at *uint32),
	scores func(rows *float32, stride int, ids *uint32, panel *float32, dim, panels int, out *float32, apart int),
) panelKernels {
	return panelKernels{
		lanes: lanes,
		nearest: func(rows []float32, stride int, ids *[panelRows]uint32, panels []float32, dim int, best []float32, at []uint32) {
			_, _ = best[panelRows*lanes-1], at[panelRows*lanes-1]
			nearest(first(rows), 4*stride, &ids[0], &panels[0], dim, len(panels)/(lanes*(dim+1)), &best[0], &at[0])
		},
		scores: func(rows []float32, stride int, ids *[panelRows]uint32, panels []float32, dim int, out []float32, apart int) {
			n := len(panels) / (lanes * (dim + 1))
			_ = out[(panelRows-1)*apart+n*lanes-1]
			scores(first(rows), 4*stride, &ids[0], &panels[0], dim, n, &out[0], 4*apart)
		},
	}
}
