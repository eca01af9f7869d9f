import GitFormat
import HostSystem
import TestSupport

@testable import VersionedStore

/// Trees written down in tests: text by path; `-> x` is a link to x, `! x` an executable file.
typealias Sketch = [String: String]

extension Tree {
  init(_ sketch: Sketch, in objects: any ObjectReader) throws {
    self = .empty(in: objects)
    for (path, text) in sketch {
      if text.hasPrefix("-> ") {
        try set(Path(path), Array(text.dropFirst(3).utf8), mode: .link)
      } else if text.hasPrefix("! ") {
        try set(Path(path), Array(text.dropFirst(2).utf8), mode: .executable)
      } else {
        try set(Path(path), Array(text.utf8))
      }
    }
  }

  /// The files of the tree without the records of conflicts.
  func sketch() throws -> Sketch {
    var sketch: Sketch = [:]
    for (path, contents) in try files() where path.names.first != ConflictRecords.folder {
      let text = String(decoding: contents.bytes, as: UTF8.self)
      sketch["\(path)"] = contents.mode == .link ? "-> \(text)" : contents.mode == .executable ? "! \(text)" : text
    }
    return sketch
  }
}

/// A merge of three sketches.
struct SketchMerge {
  let buffer: ObjectBuffer
  let result: TreeMergeResult

  init(_ base: Sketch?, _ ours: Sketch, _ theirs: Sketch, policy: MergePolicy = .standard, isVirtual: Bool = false)
    throws
  {
    buffer = ObjectBuffer(over: MemoryBackend())
    let ids = try [base, ours, theirs].map { [buffer] sketch in
      try sketch.flatMap { $0.isEmpty ? nil : try Tree($0, in: buffer).write(into: buffer) }
    }
    result = try TreeMerge.merge(
      base: ids[0], ours: ids[1], theirs: ids[2], policy: policy, isVirtual: isVirtual, in: buffer)
  }

  var tree: Tree { result.tree.map { Tree($0, in: buffer) } ?? .empty(in: buffer) }
}

/// Stock Git in a folder of its own, with no configuration from elsewhere.
struct GitFolder {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Runs a command line of `sh` in the folder.
  func run(_ line: String) throws -> CommandResult {
    try runCommand(
      ["/bin/sh", "-c", "cd \(folder.path) && \(line)"],
      environment: StockGit.environment.merging(StockGit.fixedDates) { $1 })
  }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    try File.replace("\(folder.path)/\(name)", with: bytes, durable: false)
  }
}
