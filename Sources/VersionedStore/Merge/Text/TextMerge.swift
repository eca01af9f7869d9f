/// The three-way merge of texts by lines, as `git merge-file` does it: changes that overlap or touch are a conflict unless
/// they are the same.
public struct TextMerge: Equatable, Sendable {
  public enum Piece: Equatable, Sendable {
    case merged([UInt8])
    case conflict(base: [UInt8], ours: [UInt8], theirs: [UInt8])
  }

  /// The text from its beginning to its end.
  public let pieces: [Piece]

  public init(base: [UInt8], ours: [UInt8], theirs: [UInt8]) {
    let (old, left, right) = (Self.lines(base), Self.lines(ours), Self.lines(theirs))
    let regions = SequenceMerge(joinsNeighbours: true).regions(
      base: old.map(Line.init), ours: left.map(Line.init), theirs: right.map(Line.init))
    pieces = regions.map { region in
      func text(_ lines: [ArraySlice<UInt8>], _ range: Range<Int>) -> [UInt8] { Array(lines[range].joined()) }
      return switch region.change {
      case .none, .theirs: .merged(text(right, region.theirs))
      case .ours, .same: .merged(text(left, region.ours))
      case .both:
        .conflict(
          base: text(old, region.base), ours: text(left, region.ours), theirs: text(right, region.theirs))
      }
    }
  }

  /// A line that is hashed and compared as a whole, not byte by byte.
  private struct Line: Hashable {
    let bytes: ArraySlice<UInt8>

    static func == (left: Self, right: Self) -> Bool {
      left.bytes.count == right.bytes.count
        && left.bytes.withUnsafeBytes { left in right.bytes.withUnsafeBytes { left.elementsEqual($0) } }
    }

    func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
  }

  /// The text, where nothing was changed on both sides.
  public var merged: [UInt8]? {
    var text: [UInt8] = []
    for piece in pieces {
      guard case .merged(let part) = piece else { return nil }
      text += part
    }
    return text
  }

  /// How many places both sides changed.
  public var conflictCount: Int {
    pieces.count { if case .conflict = $0 { true } else { false } }
  }

  /// Texts by lines. No ancestor counts as an empty one.
  public static let byLines = MergeFunction<[UInt8]> { (base, ours, theirs) throws(MergeFailure) in
    if ours == theirs { return ours }
    let merge = TextMerge(base: try base.value() ?? [], ours: ours, theirs: theirs)
    guard let merged = merge.merged else {
      throw .conflict("both sides changed the same lines in \(merge.conflictCount) places")
    }
    return merged
  }

  /// Whether contents count as text: no NUL in the first 8,000 bytes, as in Git.
  public static func isText(_ bytes: [UInt8]) -> Bool { !bytes.prefix(8_000).contains(0) }

  /// Lines with their ends.
  static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var rest = text[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(rest[...end])
      rest = rest[(end + 1)...]
    }
    if !rest.isEmpty { lines.append(rest) }
    return lines
  }
}

extension TextMerge {
  /// The text with what is in conflict between markers, as `git merge` leaves it.
  ///
  /// - Parameters:
  ///   - labels: what stands behind the markers of ours, the base and theirs; without a label for the base, the base is
  ///     left out.
  ///   - size: the length of a marker, 7 unless gitattributes say otherwise.
  public func marked(labels: (ours: String, base: String?, theirs: String), size: Int = 7) -> [UInt8] {
    let size = min(max(1, size), 1_000)
    var text: [UInt8] = []
    func mark(_ character: Unicode.Scalar, _ label: String) {
      if let last = text.last, last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
      text += [UInt8](repeating: UInt8(ascii: character), count: size)
      text += Array((label.isEmpty ? "\n" : " \(label)\n").utf8)
    }
    for piece in pieces {
      switch piece {
      case .merged(let part): text += part
      case .conflict(let base, let ours, let theirs):
        // Lines that both sides begin or end with are in no conflict; with the base shown they stay, as in Git.
        let (head, left, right, tail) = labels.base == nil ? Self.trimmed(ours, theirs) : ([], ours, theirs, [])
        text += head
        mark("<", labels.ours)
        text += left
        if let label = labels.base {
          mark("|", label)
          text += base
        }
        mark("=", "")
        text += right
        mark(">", labels.theirs)
        text += tail
      }
    }
    return text
  }

  /// Two texts without the lines that both begin and end with, and those.
  private static func trimmed(_ ours: [UInt8], _ theirs: [UInt8]) -> ([UInt8], [UInt8], [UInt8], [UInt8]) {
    let (left, right) = (lines(ours), lines(theirs))
    let head = zip(left, right).prefix { $0 == $1 }.count
    let tail = zip(left.dropFirst(head).reversed(), right.dropFirst(head).reversed()).prefix { $0 == $1 }.count
    func text(_ lines: some Sequence<ArraySlice<UInt8>>) -> [UInt8] { Array(lines.joined()) }
    return (
      text(left.prefix(head)), text(left.dropFirst(head).dropLast(tail)), text(right.dropFirst(head).dropLast(tail)),
      text(left.suffix(tail))
    )
  }
}
