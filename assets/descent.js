// Gradient descent on a few predictions, each free to move by itself: what the losses ask for, and nothing else.
const TINY = 1e-3; // probability at the least, so that a corner can be left
const EPSILON = 1e-6; // inside the regulariser's logarithm, as the engine has it

const softmax = (row) => {
  const most = Math.max(...row);
  const parts = row.map((value) => Math.exp(value - most));
  const sum = parts.reduce((one, other) => one + other);
  return parts.map((part) => part / sum);
};
const dot = (one, other) => one.reduce((sum, value, index) => sum + value * other[index], 0);

/** Of the mean entropy of the rows' softmax: TENT's loss. */
const entropy = (rows) =>
  rows.map((row) => {
    const q = softmax(row);
    const logs = q.map(Math.log);
    return q.map((value, index) => (-value * (logs[index] - dot(q, logs))) / rows.length);
  });

/** Of the same where each image chooses among the captions of its batch, those of its likeliest classes. */
function contrastive(rows) {
  const captions = rows.map((row) => row.indexOf(Math.max(...row)));
  const found = entropy(rows.map((row) => captions.map((kind) => row[kind])));
  return rows.map((row, index) => row.map((_, kind) => dot(found[index], captions.map((own) => Number(own === kind)))));
}

/** Of minus the entropy of the mean prediction. */
function regulariser(rows) {
  const predictions = rows.map(softmax);
  const slopes = rows[0].map((_, kind) => {
    const mean = predictions.reduce((sum, q) => sum + q[kind], 0) / rows.length;
    return (Math.log(mean + EPSILON) + mean / (mean + EPSILON)) / rows.length;
  });
  return predictions.map((q) => q.map((value, kind) => value * (slopes[kind] - dot(q, slopes))));
}

/**
 * Where the losses move predictions: `steps` + 1 positions, each a row of probabilities for each point.
 * The rate is of each point's own loss, times their number, since the losses are means.
 */
cliptta.descent = function (points, terms, steps = 60, rate = 0.5) {
  const losses = [{ entropy, contrastive }[terms.objective], terms.regulariser ? regulariser : null].filter(Boolean);
  let logits = points.map((point) => point.map((value) => Math.log(Math.max(value, TINY))));
  const path = [logits.map(softmax)];
  for (let step = 0; step < steps; step += 1) {
    const slopes = losses.map((loss) => loss(logits));
    logits = logits.map((row, index) => row.map((value, kind) => value - rate * logits.length * slopes.reduce((sum, slope) => sum + slope[index][kind], 0)));
    path.push(logits.map(softmax));
  }
  return path;
};
