import GitFormat
import VersionedStore

/// What a client leaves out of what it fetches (git-rev-list, `--filter`).
public enum ObjectFilter: Equatable, Sendable {
  /// No blobs, except those that are asked for by name.
  case noBlobs
  /// No blobs of so many bytes or more.
  case blobLimit(Int)
  /// No trees and no blobs: with depth 0 none at all, with 1 only the trees at the root.
  case treeDepth(Int)

  /// nil for what is no filter that this program knows.
  public init?(_ text: String) {
    if text == "blob:none" {
      self = .noBlobs
    } else if text.hasPrefix("blob:limit="), let limit = Self.number(text.dropFirst(11)) {
      self = .blobLimit(limit)
    } else if text.hasPrefix("tree:"), let depth = Self.number(text.dropFirst(5)), depth <= 1 {
      self = .treeDepth(depth)
    } else {
      return nil
    }
  }

  public var text: String {
    switch self {
    case .noBlobs: "blob:none"
    case .blobLimit(let limit): "blob:limit=\(limit)"
    case .treeDepth(let depth): "tree:\(depth)"
    }
  }

  /// Digits with `k`, `m` or `g` behind them.
  private static func number(_ text: Substring) -> Int? {
    var digits = text
    var shift = 0
    switch text.utf8.last {
    case UInt8(ascii: "k"): shift = 10
    case UInt8(ascii: "m"): shift = 20
    case UInt8(ascii: "g"): shift = 30
    default: break
    }
    if shift > 0 { digits = digits.dropLast() }
    guard let value = Int(digits), value >= 0, value <= Int.max >> shift else { return nil }
    return value << shift
  }
}

/// Where a client wants its history to end.
public enum Deepening: Equatable, Sendable {
  /// So many commits from the tips; at least 1.
  case depth(Int)
  /// So many commits below where it ends now.
  case relative(Int)
  /// At commits older than a time (seconds since 1970), and at what these references have; either may be left out.
  case since(Int64?, not: [String])
}

/// What a client asks to be sent: the arguments of `fetch` in version 2 (gitprotocol-v2) and the upload request of
/// versions 0 and 1 (gitprotocol-pack).
struct FetchRequest: Equatable {
  var wants: [ObjectID] = []
  /// References asked for by name.
  var wantedReferences: [String] = []
  var haves: [ObjectID] = []
  var isDone = false
  /// Commits whose parents the client does not have.
  var shallow: [ObjectID] = []
  var deepening: Deepening?
  var filter: ObjectFilter?
  var options: Set<Option> = []

  /// Words that stand alone.
  enum Option: String, CaseIterable {
    case thinPack = "thin-pack"
    case noProgress = "no-progress"
    case includeTag = "include-tag"
    case offsetDelta = "ofs-delta"
    case waitForDone = "wait-for-done"
  }

  /// Identifiers of one sort that a request has at most.
  static let maximumIdentifiers = 1_000_000

  // What has come of the deepening; `deepening` is put together from it.
  private var isRelative = false
  private var depth = 0
  private var since: Int64?
  private var not: [String] = []

  init() {}

  /// Takes one line of a request.
  ///
  /// - Throws: `.malformed` where it is no line of one.
  mutating func take(_ line: ArraySlice<UInt8>, _ format: ObjectFormat) throws(StoreError) {
    let text = String(decoding: Array(line), as: UTF8.self)
    if let option = Option(rawValue: text) {
      options.insert(option)
      return
    }
    let space = text.firstIndex(of: " ") ?? text.endIndex
    let value = String(text[space...].dropFirst())
    switch text[..<space] {
    case "want": try add(value, to: \.wants, format)
    case "have": try add(value, to: \.haves, format)
    case "shallow": try add(value, to: \.shallow, format)
    case "want-ref":
      guard wantedReferences.count < Self.maximumIdentifiers else { throw .tooLarge("the list of wanted references") }
      wantedReferences.append(value)
    case "done": isDone = true
    case "deepen":
      guard let number = Int(value), number >= 0 else { throw Self.refused(line) }
      depth = number
    case "deepen-relative": isRelative = true
    case "deepen-since":
      guard let time = Int64(value) else { throw Self.refused(line) }
      since = time
    case "deepen-not":
      guard not.count < 1_000 else { throw .tooLarge("the list of references to stop at") }
      not.append(value)
    case "filter":
      guard let filter = ObjectFilter(value) else {
        throw .invalid("the filter \(Text.readable(value.utf8)) is not known here")
      }
      self.filter = filter
    default: throw Self.refused(line)
    }
    try combineDeepening()
  }

  private mutating func combineDeepening() throws(StoreError) {
    let isByRevision = since != nil || !not.isEmpty
    guard depth == 0 || !isByRevision else {
      throw .invalid("deepen cannot be asked for together with deepen-since or deepen-not")
    }
    if depth > 0 {
      deepening = isRelative ? .relative(depth) : .depth(depth)
    } else if isByRevision {
      deepening = .since(since, not: not)
    }
  }

  private mutating func add(
    _ value: String, to list: WritableKeyPath<Self, [ObjectID]>, _ format: ObjectFormat
  ) throws(StoreError) {
    guard let id = ObjectID(format, hex: value) else {
      throw .malformed(FormatError("request", "\(Text.readable(value.utf8)) is no identifier"))
    }
    guard self[keyPath: list].count < Self.maximumIdentifiers else { throw .tooLarge("the request") }
    self[keyPath: list].append(id)
  }

  private static func refused(_ line: ArraySlice<UInt8>) -> StoreError {
    .malformed(FormatError("request", "\(Text.readable(line)) is nothing that can be asked for"))
  }

  /// The lines that say where history shall end.
  var deepeningLines: [String] {
    switch deepening {
    case nil: []
    case .depth(let depth): ["deepen \(depth)"]
    case .relative(let depth): ["deepen \(depth)", "deepen-relative"]
    case .since(let time, let names): (time.map { ["deepen-since \($0)"] } ?? []) + names.map { "deepen-not \($0)" }
    }
  }
}
