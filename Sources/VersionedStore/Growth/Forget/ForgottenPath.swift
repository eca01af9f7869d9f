public import GitFormat

/// Which paths are to be forgotten: one path, or many by wildcards in its names.
public struct ForgottenPath: Hashable, Sendable {
  enum Part: Hashable, Sendable {
    case name(EntryName)
    /// In the words of `PathPattern`.
    case wildcard([UInt8])

    func matches(_ name: EntryName) -> Bool {
      switch self {
      case .name(let own): own == name
      case .wildcard(let pattern):
        // What the store has beside values (chunks, records of conflicts) goes with them, and with nothing else.
        ConflictRecords.unescaped(name).map { PathPattern.matches(pattern, $0.bytes) } ?? false
      }
    }
  }

  var parts: [Part]

  /// A file, or a directory with all that is in it. A star in a name is a star.
  ///
  /// - Throws: `.invalid` for the root.
  public init(_ path: Path) throws(StoreError) {
    guard !path.isRoot else { throw .invalid("the root cannot be forgotten; delete the repository instead") }
    parts = path.names.map { .name($0) }
  }

  /// A path whose names may have wildcards, as in a `PathPattern`, but no `**`: `people/*/phone`, `photos/*.raw`.
  ///
  /// - Throws: `.invalid` for the root, and for `**`.
  public init(pattern text: String) throws(StoreError) {
    guard !text.contains("**") else { throw .invalid("“\(text)”: “**” is not understood; name each level by a star") }
    try self.init(Path(text))
    parts = parts.map { part in
      guard case .name(let name) = part, name.bytes.contains(where: "*?[\\".utf8.contains) else { return part }
      return .wildcard(name.bytes)
    }
  }

  init(parts: [Part]) { self.parts = parts }

  /// Where the chunks of a large value are that stands there.
  var amongChunks: ForgottenPath {
    ForgottenPath(parts: parts.dropLast() + [.name(ChunkFolder.name)] + parts.suffix(1))
  }

  /// The same place among the conflicts that a merge recorded.
  var amongConflicts: ForgottenPath {
    ForgottenPath(
      parts: [.name(ConflictRecords.folder)]
        + parts.map { part in
          guard case .name(let name) = part else { return part }
          return .name(ConflictRecords.escaped(name))
        })
  }
}

extension ForgottenPath: CustomStringConvertible {
  public var description: String {
    parts.map { part in
      switch part {
      case .name(let name): name.text
      case .wildcard(let bytes): String(decoding: bytes, as: UTF8.self)
      }
    }.joined(separator: "/")
  }
}

/// Follows patterns down a tree, name by name. A state says how far each of them has come.
struct PathMatcher {
  enum Outcome {
    /// No pattern says anything of what is there.
    case keep
    case remove
    case descend(Int)
  }

  private struct Progress: Hashable {
    var pattern: Int
    var part: Int
  }

  private struct State {
    var progress: [Progress]
    /// What a name leads to, as far as it is known; complete where no part of the state is a wildcard.
    var outcomes: [EntryName: Outcome] = [:]
    var names: [EntryName]?
  }

  /// The state at the root.
  static let start = 0

  private let patterns: [ForgottenPath]
  private var states: [State] = []
  private var numbers: [[Progress]: Int] = [:]

  init(_ patterns: [ForgottenPath]) {
    self.patterns = patterns
    _ = number(of: patterns.indices.map { Progress(pattern: $0, part: 0) })
  }

  /// The names that matter in a state, in order; nil where a wildcard stands in it, so that each name has to be looked at.
  func names(_ state: Int) -> [EntryName]? { states[state].names }

  mutating func outcome(_ name: EntryName, in state: Int) -> Outcome {
    if let known = states[state].outcomes[name] { return known }
    guard states[state].names == nil else { return .keep }
    return compute(name, in: state)
  }

  private mutating func compute(_ name: EntryName, in state: Int) -> Outcome {
    var next: [Progress] = []
    for progress in states[state].progress {
      let parts = patterns[progress.pattern].parts
      guard parts[progress.part].matches(name) else { continue }
      if progress.part + 1 == parts.count { return .remove }
      next.append(Progress(pattern: progress.pattern, part: progress.part + 1))
    }
    return next.isEmpty ? .keep : .descend(number(of: next))
  }

  private mutating func number(of progress: [Progress]) -> Int {
    if let known = numbers[progress] { return known }
    let number = states.count
    numbers[progress] = number
    var names: Set<EntryName>? = []
    for item in progress {
      switch patterns[item.pattern].parts[item.part] {
      case .name(let name): names?.insert(name)
      case .wildcard: names = nil
      }
    }
    states.append(State(progress: progress))
    guard let names else { return number }
    for name in names { states[number].outcomes[name] = compute(name, in: number) }
    states[number].names = names.sorted()
    return number
  }
}
