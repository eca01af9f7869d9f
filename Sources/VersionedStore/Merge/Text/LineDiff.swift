/// Differences of texts by lines, for people and for programs that apply patches.
public enum LineDiff {
  /// The hunks of a unified diff, as `diff -u` and `git diff` write them, without the lines that name the files. Empty
  /// where the texts are the same.
  ///
  /// - Parameter context: how many equal lines to show around each difference.
  public static func unified(from old: [UInt8], to new: [UInt8], context: Int = 3) -> [UInt8] {
    let a = TextMerge.lines(old), b = TextMerge.lines(new)
    var numbers: [ArraySlice<UInt8>: Int32] = [:]
    func symbols(_ lines: [ArraySlice<UInt8>]) -> [Int32] {
      lines.map { line in
        if let number = numbers[line] { return number }
        let number = Int32(numbers.count)
        numbers[line] = number
        return number
      }
    }
    let hunks = SequenceDiff.hunks(from: symbols(a), to: symbols(b))
    var text: [UInt8] = []
    for group in groups(hunks, context: max(0, context)) { append(group, a, b, max(0, context), to: &text) }
    return text
  }

  /// Differences that are so near each other that their contexts touch.
  private static func groups(_ hunks: [DiffHunk], context: Int) -> [ArraySlice<DiffHunk>] {
    var groups: [ArraySlice<DiffHunk>] = []
    var start = 0
    for index in hunks.indices {
      let isLast = index + 1 == hunks.count
      guard isLast || hunks[index + 1].old.lowerBound - hunks[index].old.upperBound > 2 * context else { continue }
      groups.append(hunks[start...index])
      start = index + 1
    }
    return groups
  }

  private static func append(
    _ group: ArraySlice<DiffHunk>, _ a: [ArraySlice<UInt8>], _ b: [ArraySlice<UInt8>], _ context: Int,
    to text: inout [UInt8]
  ) {
    guard let first = group.first, let last = group.last else { return }
    let before = min(context, first.old.lowerBound)
    let after = min(context, a.count - last.old.upperBound)
    let old = first.old.lowerBound - before..<last.old.upperBound + after
    let new = first.new.lowerBound - before..<last.new.upperBound + after
    text += "@@ -\(range(old)) +\(range(new)) @@\n".utf8
    var position = old.lowerBound
    for hunk in group {
      for line in a[position..<hunk.old.lowerBound] { append(" ", line, to: &text) }
      for line in a[hunk.old] { append("-", line, to: &text) }
      for line in b[hunk.new] { append("+", line, to: &text) }
      position = hunk.old.upperBound
    }
    for line in a[position..<old.upperBound] { append(" ", line, to: &text) }
  }

  /// A range of lines as patches count them: from 1, and an empty one by the line before it.
  private static func range(_ lines: Range<Int>) -> String {
    let start = lines.isEmpty ? lines.lowerBound : lines.lowerBound + 1
    return lines.count == 1 ? "\(start)" : "\(start),\(lines.count)"
  }

  private static func append(_ mark: Unicode.Scalar, _ line: ArraySlice<UInt8>, to text: inout [UInt8]) {
    text.append(UInt8(ascii: mark))
    text += line
    if line.last != UInt8(ascii: "\n") { text += "\n\\ No newline at end of file\n".utf8 }
  }
}
