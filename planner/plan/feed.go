package plan

// Feed yields the batches that the session hands in through Env.Feed: the rows
// of COPY FROM. Its columns stand for those of the plan it replaces.
type Feed struct{ Leaf }
