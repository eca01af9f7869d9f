public import GitFormat
import Glibc
import HostSystem

/// Packs that come from outside.
extension GitBackend {
  public func makeQuarantine() throws(StoreError) -> String {
    try ReceivedPack.makeFolder("\(folder)/lares/\(Publisher.incomingPrefix)")
  }

  public func adopt(
    _ pack: ReceivedPack?, refs: [RefChange], shallow: ShallowChange
  ) throws(StoreError) {
    try refuseForgotten(pack, tips: refs.compactMap(\.new))
    let keep: String? = if let pack { try publisher.install(pack) } else { nil }
    do throws(StoreError) {
      if !shallow.isEmpty { try references.changeShallow(shallow) }
      if !refs.isEmpty { try commit(Batch(refs: refs)) }
    } catch {
      if let keep { try? publisher.release(keep) }
      throw error
    }
    publishStored(keep)
  }

  public var shallowCommits: Set<ObjectID> { get throws(StoreError) { try references.shallow() } }
}

extension Publisher {
  /// What folders begin with in which packs are received.
  static let incomingPrefix = "incoming-"

  /// Puts a received pack among those of the repository, durably.
  ///
  /// - Returns: the file that keeps collectors from it until `release`.
  func install(_ pack: ReceivedPack) throws(StoreError) -> String {
    try onDisk { () throws(SystemError) in
      try layer.open(pack.packPath).sync(.pack)
      try layer.open(pack.indexPath).sync(.packIndex)
    }
    return try place(pack: pack.packPath, index: pack.indexPath, name: pack.name)
  }
}

extension References {
  /// Commits that are here without their parents (gitrepository-layout, `shallow`).
  func shallow() throws(StoreError) -> Set<ObjectID> {
    let path = folder + "/shallow"
    let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(path) ?? [] }
    var ids: Set<ObjectID> = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let id = ObjectID(format, hex: line) else { throw .damaged(file: path, "a line is no identifier") }
      ids.insert(id)
    }
    return ids
  }

  /// Moves the end of the history. It is durable when this returns.
  func changeShallow(_ change: ShallowChange) throws(StoreError) {
    let path = folder + "/shallow"
    try withLock(path + ".lock") { () throws(StoreError) in
      let ids = try shallow().union(change.added).subtracting(change.removed)
      let temporary = temporaryPath()
      let text = ids.sorted().map { "\($0)\n" }.joined()
      try onDisk { () throws(SystemError) in
        if ids.isEmpty {
          try layer.remove(path)
        } else {
          try layer.create(temporary, with: Array(text.utf8), sync: .shallow)
          try layer.rename(temporary, path)
        }
        try layer.syncFolder(folder, .shallow)
      }
    }
  }
}
