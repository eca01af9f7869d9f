import GitFormat
import TestSupport
import VersionedStore

/// A repository in memory, with a history that is made step by step.
final class SampleRepository {
  let backend: MemoryBackend
  private var blobs: [String: ObjectID] = [:]
  private var time: Int64 = 1_763_800_000

  init(_ format: ObjectFormat = .sha1) { backend = MemoryBackend(format: format) }

  /// Goes on in a repository that has a history already.
  init(over backend: MemoryBackend) {
    self.backend = backend
    time += 1_000_000
  }

  var signature: Signature { Signature(name: "Ada", email: "ada@home.arpa", time: time, zone: 60) }

  /// Stores a commit with these files, each at a path, and lets a reference name it.
  ///
  /// - Parameter now: what the committer's clock says; without it, a minute goes by from commit to commit.
  @discardableResult
  func commit(
    _ files: [String: String], parents: [ObjectID] = [], on reference: String? = nil, message: String = "change",
    at now: Int64? = nil
  ) throws -> ObjectID {
    time = now ?? time + 60
    let buffer = ObjectBuffer(over: backend)
    let tree = try write(files.map { (Array($0.key.split(separator: "/").map(String.init)), $0.value) }, buffer)
    let commit = CommitObject(tree: tree, parents: parents, author: signature, message: message)
    let id = try buffer.write(.commit, commit.bytes)
    try store(buffer, reference, id)
    return id
  }

  /// Stores an annotated tag.
  @discardableResult
  func tag(_ name: String, of id: ObjectID) throws -> ObjectID {
    let buffer = ObjectBuffer(over: backend)
    let text = "object \(id)\ntype commit\ntag \(name)\ntagger Ada <ada@home.arpa> \(time) +0000\n\nfor the tests\n"
    let tag = try buffer.write(.tag, Array(text.utf8))
    try store(buffer, "refs/tags/\(name)", tag)
    return tag
  }

  /// Commits in a row on `refs/heads/main`, each changing one of many files.
  @discardableResult
  func history(_ count: Int, seed: UInt64 = 1) throws -> [ObjectID] {
    var random = SeededGenerator(seed)
    var files: [String: String] = [:]
    for number in 0..<20 { files["folder\(number % 4)/file\(number)"] = Self.text(40, &random) }
    var commits: [ObjectID] = []
    for number in 0..<count {
      let name = "folder\(number % 4)/file\(number % 20)"
      files[name, default: ""] += "line \(number) \(random.next())\n"
      commits.append(
        try commit(files, parents: commits.last.map { [$0] } ?? [], on: "refs/heads/main", message: "change \(number)"))
    }
    return commits
  }

  func set(_ reference: String, _ id: ObjectID?) throws {
    try backend.commit(Batch(refs: [change(reference, id)]))
  }

  private func store(_ buffer: ObjectBuffer, _ reference: String?, _ id: ObjectID) throws {
    try backend.commit(Batch(objects: buffer.objects, refs: reference.map { [try change($0, id)] } ?? []))
  }

  private func change(_ reference: String, _ id: ObjectID?) throws -> RefChange {
    let name = RefName(reference)!
    return RefChange(name, from: try backend.reference(name), to: id, who: signature, why: "test")
  }

  private func write(_ files: [([String], String)], _ buffer: ObjectBuffer) throws -> ObjectID {
    var entries: [TreeEntry] = []
    for (name, group) in Dictionary(grouping: files, by: { $0.0[0] }) {
      if group[0].0.count == 1 {
        entries.append(TreeEntry(EntryName(name), .file, try blob(group[0].1, buffer)))
      } else {
        let below = try write(group.map { (Array($0.0.dropFirst()), $0.1) }, buffer)
        entries.append(TreeEntry(EntryName(name), .tree, below))
      }
    }
    return try buffer.write(.tree, TreeObject.serialize(entries))
  }

  /// Most files of a commit are those of the one before: each is hashed once.
  private func blob(_ text: String, _ buffer: ObjectBuffer) throws -> ObjectID {
    if let known = blobs[text] { return known }
    let id = try buffer.write(.blob, Array(text.utf8))
    blobs[text] = id
    return id
  }

  /// Text that hardly gets smaller by compression.
  static func noise(_ count: Int) -> String {
    var random = SeededGenerator(5)
    var bytes: [UInt8] = []
    while bytes.count < count {
      let word = random.next()
      for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(33 + (word >> shift & 63))) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func text(_ lines: Int, _ random: inout SeededGenerator) -> String {
    (0..<lines).map { _ in "a line with the number \(random.next() % 1_000_000)\n" }.joined()
  }
}
