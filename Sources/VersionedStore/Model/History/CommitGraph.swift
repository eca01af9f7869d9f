import GitFormat

/// Commits as walks need them: what they stand on and when they were made. Read once, and then known by number.
///
/// Belongs to one walk, on one thread.
final class CommitGraph {
  struct Node {
    let id: ObjectID
    var tree: ObjectID
    /// Of the committer, as the commit says; clocks may have been wrong.
    var time: Int64
    /// By number.
    var parents: [Int]
  }

  private let objects: any ObjectReader
  private let shallow: Set<ObjectID>
  private var numbers: [ObjectID: Int] = [:]
  /// In order of number.
  private(set) var nodes: [Node] = []
  private var isLoaded: [Bool] = []

  init(_ objects: any ObjectReader, shallow: Set<ObjectID>) {
    self.objects = objects
    self.shallow = shallow
  }

  var format: ObjectFormat { objects.format }

  /// A commit's number, whether it has been read or not.
  func number(_ id: ObjectID) -> Int {
    if let number = numbers[id] { return number }
    let number = nodes.count
    numbers[id] = number
    nodes.append(Node(id: id, tree: .zero(id.format), time: 0, parents: []))
    isLoaded.append(false)
    return number
  }

  /// A commit, read if it has not been yet. At the shallow boundary it has no parents.
  func node(_ number: Int) throws(StoreError) -> Node {
    if !isLoaded[number] { try load(number) }
    return nodes[number]
  }

  private func load(_ number: Int) throws(StoreError) {
    let id = nodes[number].id
    let header = try CommitHeader(objects.bytes(id, .commit), objects.format)
    nodes[number].tree = header.tree
    nodes[number].time = header.time
    isLoaded[number] = true
    guard !shallow.contains(id) else { return }
    var parents: [Int] = []
    parents.reserveCapacity(header.parents.count)
    // A parent named twice is one.
    for parent in header.parents.map({ self.number($0) }) where !parents.contains(parent) { parents.append(parent) }
    nodes[number].parents = parents
  }
}

/// The lines of a commit that say where it stands.
struct CommitHeader {
  var tree: ObjectID
  var parents: [ObjectID] = []
  /// Seconds since 1970 by the committer's clock; 0 where they cannot be read, as in Git.
  var time: Int64 = 0

  init(_ bytes: [UInt8], _ format: ObjectFormat) throws(StoreError) {
    func malformed(_ why: String) -> StoreError { .malformed(FormatError("commit object", why)) }
    var rest = bytes[...]
    func identifier(after key: StaticString) -> ObjectID? {
      let start = rest.startIndex + key.utf8CodeUnitCount
      guard rest.count > key.utf8CodeUnitCount + format.digits, rest[start + format.digits] == UInt8(ascii: "\n"),
        key.withUTF8Buffer({ rest.starts(with: $0) }),
        let id = ObjectID(format, hex: rest[start..<(start + format.digits)])
      else { return nil }
      rest = rest[(start + format.digits + 1)...]
      return id
    }
    guard let tree = identifier(after: "tree ") else { throw malformed("its first line names no tree") }
    self.tree = tree
    while let parent = identifier(after: "parent ") { parents.append(parent) }
    let committer: StaticString = "committer "
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")), end > rest.startIndex {
      if committer.withUTF8Buffer({ rest.starts(with: $0) }) {
        time = Self.time(rest[..<end])
        return
      }
      rest = rest[(end + 1)...]
    }
    throw malformed("it has no committer")
  }

  /// The number behind the address: `… <a@b> 1763800000 +0100`.
  private static func time(_ line: ArraySlice<UInt8>) -> Int64 {
    guard let close = line.lastIndex(of: UInt8(ascii: ">")) else { return 0 }
    let word = line[(close + 1)...].drop { $0 == UInt8(ascii: " ") }.prefix { $0 != UInt8(ascii: " ") }
    return Int64(String(decoding: word, as: UTF8.self)) ?? 0
  }
}
