import Glibc
import HostSystem
import Synchronization
import TestSupport

@testable import VersionedStore

/// Hears of every change to a disk, and tells what a power cut could have left of them.
///
/// What was not synced is there, absent or torn, each write and each folder's entry by itself; what was synced is there.
final class RecordedDisk: Sendable {
  enum Event: Sendable {
    case operation(FileOperation)
    /// Something was acknowledged to somebody outside.
    case acknowledged(Int)
  }

  private let events = Mutex<[Event]>([])
  private let seen = Mutex<Set<SyncCall>>([])
  private let failure = Mutex<Failure?>(nil)

  var layer: FileLayer {
    FileLayer { [self] operation throws(SystemError) in
      let failure = failure.withLock { $0 }
      if failure == .everything { throw SystemError("using a disk that is gone", code: EIO) }
      if case .syncing(let call, _, _) = operation {
        if failure == .syncs { throw SystemError("syncing a disk that is gone", code: EIO) }
        seen.withLock { _ = $0.insert(call) }
      }
      record(.operation(operation))
    }
  }

  /// The calls that have synced something.
  var syncCalls: Set<SyncCall> { seen.withLock { $0 } }

  /// What a disk can refuse.
  enum Failure {
    case everything, syncs
  }

  func whileFailing(_ what: Failure, _ body: () throws -> Void) rethrows {
    failure.withLock { $0 = what }
    defer { failure.withLock { $0 = nil } }
    try body()
  }

  func acknowledge(_ number: Int) { record(.acknowledged(number)) }
  private func record(_ event: Event) { events.withLock { $0.append(event) } }

  var count: Int { events.withLock { $0.count } }

  /// What the disk may look like when the power goes before event `end`, written below `folder`.
  ///
  /// - Parameters:
  ///   - prefix: the part of the recorded paths that `folder` stands for.
  ///   - isIgnored: syncs by these calls are taken for nothing, as if the code had none.
  /// - Returns: the highest number that was acknowledged before.
  func cut(
    at end: Int, into folder: String, for prefix: String, ignoring isIgnored: (SyncCall) -> Bool,
    using generator: inout SeededGenerator
  ) throws -> Int {
    var disk = DiskModel()
    var acknowledged = 0
    for event in events.withLock({ Array($0[..<end]) }) {
      switch event {
      case .operation(.syncing(let call, _, _)) where isIgnored(call): break
      case .operation(let operation): disk.apply(operation)
      case .acknowledged(let number): acknowledged = number
      }
    }
    try disk.write(below: folder, for: prefix, using: &generator)
    return acknowledged
  }
}

/// A disk with what is certainly on it, and what may be.
private struct DiskModel {
  private enum Change {
    case write(offset: Int, bytes: [UInt8])
    case size(Int)
  }

  private enum EntryChange {
    case file(name: String, inode: Int)
    case folder(name: String)
    case gone(name: String)
  }

  /// A sequence of changes, of which the first so many are durable.
  private struct Changes<Element> {
    var list: [Element] = []
    var durable = 0

    mutating func raise(to count: Int) { durable = max(durable, count) }
  }

  /// What a path names now, for those who look at a running system.
  private var inodes: [String: Int] = [:]
  /// What a number that the store uses for an open file stands for.
  private var open: [Int: Int] = [:]
  private var files: [Int: Changes<Change>] = [:]
  private var folders: [String: Changes<EntryChange>] = [:]
  private var syncs: [Int: (target: SyncTarget, upTo: Int)] = [:]
  private var nextInode = 0

  mutating func apply(_ operation: FileOperation) {
    switch operation {
    case .create(let path, let file):
      let inode = nextInode
      nextInode += 1
      open[file] = inode
      files[inode] = Changes()
      inodes[path] = inode
      enter(path) { .file(name: $0, inode: inode) }
    case .open(let path, let file): open[file] = inodes[path]
    case .write(let file, let offset, let bytes): change(file, .write(offset: offset, bytes: bytes))
    case .allocate(let file, let size): change(file, .size(size))
    case .link(let from, let to):
      guard inodes[to] == nil, let inode = inodes[from] else { return }
      inodes[to] = inode
      enter(to) { .file(name: $0, inode: inode) }
    case .rename(let from, let to):
      guard let inode = inodes.removeValue(forKey: from) else { return }
      inodes[to] = inode
      enter(to) { .file(name: $0, inode: inode) }
      enter(from) { .gone(name: $0) }
    case .unlink(let path):
      guard inodes.removeValue(forKey: path) != nil else { return }
      enter(path) { .gone(name: $0) }
    case .makeFolder(let path): enter(path) { .folder(name: $0) }
    case .removeFolder(let path): enter(path) { .gone(name: $0) }
    case .syncing(_, let target, let number):
      switch target {
      case .file(let file): syncs[number] = (target, files[open[file] ?? -1]?.list.count ?? 0)
      case .folder(let path): syncs[number] = (target, folders[path]?.list.count ?? 0)
      }
    case .synced(let number):
      guard let (target, upTo) = syncs[number] else { return }
      switch target {
      case .file(let file): files[open[file] ?? -1]?.raise(to: upTo)
      case .folder(let path): folders[path]?.raise(to: upTo)
      }
    }
  }

  private mutating func change(_ file: Int, _ change: Change) {
    guard let inode = open[file] else { return }
    files[inode]?.list.append(change)
  }

  private mutating func enter(_ path: String, _ entry: (String) -> EntryChange) {
    let folder = File.folderName(of: path)
    folders[folder, default: Changes()].list.append(entry(String(path.dropFirst(folder.utf8.count + 1))))
  }

  func write(below folder: String, for prefix: String, using generator: inout SeededGenerator) throws {
    // Sometimes nothing that was not synced is there, sometimes all of it, mostly a part.
    let chance = [0.0, 0.0, 0.2, 0.5, 0.8, 1.0].randomElement(using: &generator)!
    var written: [Int: String] = [:]
    try write(prefix, to: folder, chance, &written, &generator)
  }

  private func write(
    _ path: String, to target: String, _ chance: Double, _ written: inout [Int: String],
    _ generator: inout SeededGenerator
  ) throws {
    try File.makeFolder(target)
    var entries: [String: EntryChange] = [:]
    for (index, change) in (folders[path]?.list ?? []).enumerated() {
      guard index < folders[path]!.durable || Double.random(in: 0..<1, using: &generator) < chance else { continue }
      switch change {
      case .file(let name, _), .folder(let name): entries[name] = change
      case .gone(let name): entries[name] = nil
      }
    }
    for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
      switch entry {
      case .folder: try write("\(path)/\(name)", to: "\(target)/\(name)", chance, &written, &generator)
      case .file(_, let inode):
        if let other = written[inode] {
          link(other, "\(target)/\(name)")
        } else {
          written[inode] = "\(target)/\(name)"
          try File.replace("\(target)/\(name)", with: bytes(of: inode, chance, &generator), durable: false)
        }
      case .gone: break
      }
    }
  }

  private func bytes(of inode: Int, _ chance: Double, _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes: [UInt8] = []
    func reach(_ size: Int) {
      let missing = max(0, size - bytes.count)
      // A journal has a megabyte: byte by byte, as a debug build repeats, this was most of what the tests did.
      bytes += [UInt8](unsafeUninitializedCapacity: missing) { room, count in
        if let start = room.baseAddress { memset(start, 0, missing) }
        count = missing
      }
    }
    let changes = files[inode] ?? Changes()
    for (index, change) in changes.list.enumerated() {
      let isDurable = index < changes.durable
      let isThere = isDurable || Double.random(in: 0..<1, using: &generator) < chance
      switch change {
      case .size(let size): if isThere { reach(size) }
      case .write(let offset, let new):
        // The size may be on the disk before the bytes are.
        guard isThere else {
          if Double.random(in: 0..<1, using: &generator) < chance / 2 { reach(offset + new.count) }
          continue
        }
        reach(offset + new.count)
        let isTorn = !isDurable && Int.random(in: 0..<3, using: &generator) == 0
        var position = 0
        while position < new.count {
          let next = min(new.count, (offset + position) / 512 * 512 + 512 - offset)
          if !isTorn || Bool.random(using: &generator) {
            bytes.replaceSubrange(offset + position..<offset + next, with: new[position..<next])
          }
          position = next
        }
      }
    }
    return bytes
  }
}
