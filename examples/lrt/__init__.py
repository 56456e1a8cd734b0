"""A small line-reconfiguration module: which configuration of a line is best, judged by two models at the edge."""
