"""What predictors learn from: targets, labelled graphs, splits, predictions."""
