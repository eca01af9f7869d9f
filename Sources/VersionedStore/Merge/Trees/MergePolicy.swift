public import GitFormat

/// Which merge function a file is merged by.
public struct MergePolicy: Sendable {
  public struct Rule: Sendable {
    public var pattern: PathPattern
    public var merge: MergeFunction<[UInt8]>

    public init(_ pattern: PathPattern, _ merge: MergeFunction<[UInt8]>) {
      self.pattern = pattern
      self.merge = merge
    }
  }

  /// The last rule that fits counts, as in gitattributes(5). A merge function is asked only for files that both sides
  /// changed, and not to the same bytes.
  public var rules: [Rule]
  /// For files that no rule fits.
  public var otherwise: MergeFunction<[UInt8]>
  /// Where both sides changed a file that is larger than this on one of them, in bytes, it is a conflict.
  public var maximumSize = 4 << 20

  public init(rules: [Rule] = [], otherwise: MergeFunction<[UInt8]> = MergePolicy.textOrConflict) {
    self.rules = rules
    self.otherwise = otherwise
  }

  /// By the ends of file names, and text by lines.
  public static let standard = MergePolicy(rules: kinds.map { Rule(PathPattern("*.\($0.key)"), $0.value) })

  /// Merge functions by name: for `merge=lares-json` in gitattributes, and as ends of file names.
  public static let kinds: [String: MergeFunction<[UInt8]>] = [
    "counter": contents(MergeableCounter.self), "register": contents(MergeableRegister.self),
    "timedlog": contents(TimedLog.self),
    "queue": contents(MergeableQueue.self), "set": contents(MergeableSet.self),
    "multiset": contents(MergeableMultiset.self), "rope": contents(MergeableText.self),
    "counters": contents(MergeableMap<MergeableCounter>.self),
    "registers": contents(MergeableMap<MergeableRegister>.self),
    "json": contents(JSONDocument.self), "toml": contents(TOMLDocument.self), "vcf": contents(ContentDocument.self),
    "ics": contents(ContentDocument.self),
  ]

  /// The merge function for a file.
  public func merge(for path: Path) -> MergeFunction<[UInt8]> {
    rules.last { $0.pattern.matches(path) }?.merge ?? otherwise
  }
}

extension MergePolicy {
  /// Text by lines; a conflict where one side is no text.
  public static let textOrConflict = MergeFunction<[UInt8]> { (base, ours, theirs) throws(MergeFailure) in
    guard TextMerge.isText(ours), TextMerge.isText(theirs) else {
      throw .conflict("both sides changed it, and it is no text")
    }
    return try TextMerge.byLines(base: base, ours: ours, theirs: theirs)
  }

  /// Whatever both sides did, it is for people to decide.
  public static let conflict = MergeFunction<[UInt8]>.conflict("both sides changed it")

  /// Text by lines, where both sides' lines stay, ours first: Git's `merge=union`.
  public static let union = MergeFunction<[UInt8]> { (base, ours, theirs) throws(MergeFailure) in
    var text: [UInt8] = []
    for piece in TextMerge(base: try base.value() ?? [], ours: ours, theirs: theirs).pieces {
      switch piece {
      case .merged(let part): text += part
      case .conflict(_, let ours, let theirs): text += ours + theirs
      }
    }
    return text
  }

  /// Contents of a type. Where one side is none of that type, as after an edit by hand, it is text.
  public static func contents<Value: Mergeable>(_ type: Value.Type) -> MergeFunction<[UInt8]> {
    MergeFunction<[UInt8]> { (base, ours, theirs) throws(MergeFailure) in
      guard let mine = try? Value(decoding: ours), let yours = try? Value(decoding: theirs) else {
        return try textOrConflict(base: base, ours: ours, theirs: theirs)
      }
      let old = base.map { (bytes) throws(MergeFailure) -> Value? in
        do throws(FormatError) { return try Value(decoding: bytes) } catch {
          throw .conflict("both sides changed it, and their common ancestor is of another type: \(error)")
        }
      }
      return try Value.merge(base: old, ours: mine, theirs: yours).encoded
    }
  }

  /// This policy, and what a `.gitattributes` file at the root says on top of it: `*.txt merge=union`, `-merge` (always a
  /// conflict), `merge` or `merge=text`, `merge=lares-json` and the other `kinds`. Lines that say something else about
  /// their files change nothing.
  public func adding(attributes bytes: [UInt8]) -> MergePolicy {
    var policy = self
    for line in bytes.split(separator: UInt8(ascii: "\n")).prefix(10_000) {
      let words = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\t" || $0 == "\r" }
      guard let pattern = words.first, !pattern.hasPrefix("#"), pattern.utf8.count <= 4_096 else { continue }
      for word in words.dropFirst() {
        guard let merge = Self.function(attribute: word) else { continue }
        policy.rules.append(Rule(PathPattern(String(pattern)), merge))
      }
    }
    return policy
  }

  private static func function(attribute: Substring) -> MergeFunction<[UInt8]>? {
    switch attribute {
    case "merge", "merge=text": TextMerge.byLines
    case "-merge", "merge=binary": conflict
    case "merge=union": union
    default: attribute.hasPrefix("merge=lares-") ? kinds[String(attribute.dropFirst(12))] : nil
    }
  }
}
