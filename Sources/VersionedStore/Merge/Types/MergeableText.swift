public import GitFormat

/// A text that people write in several places: the rope of the mergeable types. It is merged by lines, and by characters
/// within the lines that both sides changed. What both sides put in at one place is kept from both, the smaller bytes
/// first; what both sides replaced, each by something else, is a conflict.
public struct MergeableText: Mergeable, Hashable {
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8] = []) { self.bytes = bytes }
  public init(_ text: String) { bytes = Array(text.utf8) }
  public init(decoding bytes: [UInt8]) throws(FormatError) { self.bytes = bytes }

  public var encoded: [UInt8] { bytes }
  /// For people: what is no UTF-8 as replacement characters.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  public static let merge = MergeFunction<MergeableText> { (base, ours, theirs) throws(MergeFailure) in
    if ours == theirs { return ours }
    let old = try base.value() ?? MergeableText()
    if old == ours { return theirs }
    if old == theirs { return ours }
    let lines = TextMerge(base: old.bytes, ours: ours.bytes, theirs: theirs.bytes)
    var text: [UInt8] = []
    for piece in lines.pieces {
      switch piece {
      case .merged(let part): text += part
      case .conflict(let old, let left, let right): text += try characters(old, left, right)
      }
    }
    return MergeableText(text)
  }

  /// The merge by characters of lines that both sides changed.
  private static func characters(
    _ base: [UInt8], _ ours: [UInt8], _ theirs: [UInt8]
  ) throws(MergeFailure) -> [UInt8] {
    if base.isEmpty { return bothLines(ours, theirs) }
    let (old, left, right) = (split(base), split(ours), split(theirs))
    let merge = SequenceMerge(joinsNeighbours: false, minimumGap: 4, budget: 4_000_000)
    var text: [UInt8] = []
    for region in merge.regions(base: old, ours: left, theirs: right) {
      let (mine, yours) = (Array(left[region.ours].joined()), Array(right[region.theirs].joined()))
      switch region.change {
      case .none, .theirs: text += yours
      case .ours, .same: text += mine
      case .both:
        guard region.base.isEmpty else {
          let words = old[region.base].prefix(40).joined()
          throw .conflict("both sides replaced “\(String(decoding: Array(words), as: UTF8.self))”")
        }
        text += both(mine, yours)
      }
    }
    return text
  }

  /// What both put in at one place, the smaller bytes first.
  private static func both(_ ours: [UInt8], _ theirs: [UInt8]) -> [UInt8] {
    [UInt8].precedes(theirs, ours) ? theirs + ours : ours + theirs
  }

  /// Lines that both put in at one place; the last line of a text may lack its end.
  private static func bothLines(_ ours: [UInt8], _ theirs: [UInt8]) -> [UInt8] {
    let newline = UInt8(ascii: "\n")
    let (first, second) = [UInt8].precedes(theirs, ours) ? (theirs, ours) : (ours, theirs)
    return first + (first.last == newline ? [] : [newline]) + second
  }

  /// What people call characters; bytes where the text is no UTF-8.
  private static func split(_ bytes: [UInt8]) -> [[UInt8]] {
    guard let text = String(validating: bytes, as: UTF8.self) else { return bytes.map { [$0] } }
    return text.map { Array($0.utf8) }
  }
}
