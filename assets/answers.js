// What was guessed in lessons, and whether it was right: kept in this browser alone, and saved as a file by who wants to.
const KEPT = "cliptta-answers"; // in the browser's storage
const MOST = 500;
const COLUMNS = ["when", "lesson", "question", "guess", "right", "truth"];
let kept = recalled(KEPT);

function keep(answers) {
  kept = answers.slice(-MOST);
  keepList(KEPT, kept);
}

const harmless = (text) => (/^\s*[=+\-@\t\r＝＋－＠]/.test(text) ? `'${text}` : text); // a spreadsheet would run it
const quoted = (value) => `"${harmless(String(value ?? "")).replaceAll('"', '""')}"`;

cliptta.answers = {
  /** Each `{when, lesson, question, guess, right, truth}`. */
  add: (answers) => keep([...kept, ...answers]),
  count: () => kept.length,
  forget: () => keep([]),
  save() {
    const rows = kept.map((one) => ({ ...one, right: one.right ? "yes" : "no" }));
    const lines = [COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name]))];
    const text = `\ufeff${lines.map((line) => line.map(quoted).join(",")).join("\r\n")}\r\n`;
    cliptta.saveFile(JSON.stringify({ name: "cliptta-answers.csv", type: "text/csv;charset=utf-8", text }));
  },
};
