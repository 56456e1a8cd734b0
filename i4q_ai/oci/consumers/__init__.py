"""What a pushed model becomes for others: charts, modelcars, and the papers that stand beside it."""
