// Gradient descent on a few predictions, each free to move by itself: the losses' own pull, as the engine has them.
const EPSILON = 1e-6; // inside the regulariser's logarithm

const total = (values) => values.reduce((one, other) => one + other, 0);
const dot = (one, other) => total(one.map((value, index) => value * other[index]));
const softmax = (row) => {
  const parts = row.map((value) => Math.exp(value - Math.max(...row)));
  return parts.map((part) => part / total(parts));
};

/** Slopes of the mean entropy of the rows' softmax, TENT's loss. */
const entropy = (rows) =>
  rows.map(softmax).map((q) => {
    const logs = q.map(Math.log);
    return q.map((value, kind) => (value * (dot(q, logs) - logs[kind])) / rows.length);
  });

/** Of the same over the captions of the batch, those of its likeliest classes. */
function contrastive(rows) {
  const captions = rows.map((row) => row.indexOf(Math.max(...row)));
  const slopes = entropy(rows.map((row) => captions.map((kind) => row[kind])));
  return rows.map((row, index) => row.map((_, kind) => total(slopes[index].filter((_, column) => captions[column] === kind))));
}

/** Of minus the entropy of the mean prediction. */
function regulariser(rows) {
  const predictions = rows.map(softmax);
  const slopes = rows[0].map((_, kind) => {
    const mean = total(predictions.map((q) => q[kind])) / rows.length;
    return (Math.log(mean + EPSILON) + mean / (mean + EPSILON)) / rows.length;
  });
  return predictions.map((q) => q.map((value, kind) => value * (slopes[kind] - dot(q, slopes))));
}

/** `steps` + 1 positions of the points, rows of probabilities; the rate times their number, since losses are means. */
cliptta.descent = function (points, terms, steps = 60, rate = 0.5) {
  const losses = [terms.entropy && entropy, terms.contrastive && contrastive, terms.regulariser && regulariser].filter(Boolean);
  let logits = points.map((point) => point.map((value) => Math.log(Math.max(value, 1e-3))));
  return [...Array(steps + 1)].map(() => {
    const position = logits.map(softmax);
    const slopes = losses.map((loss) => loss(logits));
    logits = logits.map((row, index) => row.map((value, kind) => value - rate * logits.length * total(slopes.map((slope) => slope[index][kind]))));
    return position;
  });
};
