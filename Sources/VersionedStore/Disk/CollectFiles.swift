import GitFormat
import Glibc
import HostSystem

/// The files with objects in a repository's own `objects` folder, as they were at one moment.
struct CollectFiles {
  struct Pack {
    let file: PackFile
    /// Of the `.pack`: a writer that finds an object there sets the time anew.
    let identity: FileIdentity
    /// Somebody wants it to stay (`.keep`), or it promises what is elsewhere (`.promisor`).
    let stays: Bool
    /// Of a cruft pack: when each object was last wanted, in the order of the index.
    let times: [UInt32]?

    var name: String { String(file.path.split(separator: "/").last ?? "") }
    var ids: some Sequence<ObjectID> { (0..<file.index.count).lazy.map { file.index.id(at: $0) } }
  }

  struct Loose {
    let id: ObjectID
    let identity: FileIdentity
  }

  private(set) var packs: [Pack] = []
  private(set) var loose: [Loose] = []
  /// Others have a part of the objects.
  private(set) var isPartial = false
  let objects: String

  init(of set: PackSet) {
    objects = set.folder
    for file in set.openPacks() {
      guard let identity = FileIdentity(path: file.path + ".pack") else { continue }
      let promises = File.isThere(file.path + ".promisor")
      isPartial = isPartial || promises
      packs.append(
        Pack(
          file: file, identity: identity, stays: promises || File.isThere(file.path + ".keep"),
          times: Self.times(of: file)))
    }
    let folder = LooseObjects(folder: objects, format: set.format)
    folder.forEachID { id in
      if let identity = FileIdentity(path: folder.path(of: id)) { loose.append(Loose(id: id, identity: identity)) }
    }
  }

  /// Unreadable times count as none: then the pack's own counts for all its objects, and they live longer.
  private static func times(of file: PackFile) -> [UInt32]? {
    guard let bytes = try? File.readIfPresent(file.path + ".mtimes") else { return nil }
    return try? PackTimes.parse(bytes, of: file.index)
  }

  /// All objects with their times.
  func marks() -> CollectMarks {
    var marks = CollectMarks()
    for pack in packs {
      for (position, id) in pack.ids.enumerated() {
        marks.add(id, time: pack.times?[position] ?? pack.identity.seconds, pack.stays ? .safe : [])
      }
    }
    for loose in loose { marks.add(loose.id, time: loose.identity.seconds) }
    return marks
  }

  /// The objects in files that are not as they were, or were not there, other than packs with these names.
  func news(since before: CollectFiles, besides made: Set<String>) -> [ObjectID] {
    let packs = Dictionary(before.packs.map { ($0.file.path, $0.identity) }) { first, _ in first }
    let loose = Dictionary(before.loose.map { ($0.id, $0.identity) }) { first, _ in first }
    return self.packs.filter { !made.contains($0.name) && packs[$0.file.path]?.isUntouched($0.identity) != true }
      .flatMap(\.ids)
      + self.loose.filter { loose[$0.id]?.isUntouched($0.identity) != true }.map(\.id)
  }

  // MARK: - What others leave in the folder

  /// Somebody is receiving objects, which may refer to any that are here.
  static func isReceiving(_ folder: String) -> Bool {
    let ours = File.list(folder + "/lares").filter { $0.hasPrefix(Publisher.incomingPrefix) }.map { "lares/\($0)" }
    let stock = File.list(folder + "/objects").filter { $0.hasPrefix("tmp_objdir") || $0.hasPrefix("incoming") }
    return (ours + stock.map { "objects/\($0)" }).contains { name in
      FileIdentity(path: "\(folder)/\(name)").map { $0.ageInSeconds < Self.abandonedSeconds } ?? false
    }
  }

  /// Temporary files of stock Git's that nobody has touched for a day.
  static func abandoned(_ objects: String) -> [String] {
    var folders = [objects, objects + "/pack"]
    folders += File.list(objects).filter { $0.utf8.count == 2 }.map { "\(objects)/\($0)" }
    return folders.flatMap { folder in
      File.list(folder).filter { $0.hasPrefix("tmp_") || $0.hasPrefix(".tmp-") }.map { "\(folder)/\($0)" }
    }.filter { path in
      !File.isFolder(path) && FileIdentity(path: path).map { $0.ageInSeconds > Self.abandonedSeconds } ?? false
    }
  }

  private static let abandonedSeconds = 86_400
}

extension FileIdentity {
  /// When the file was last changed or touched, as far as a cruft pack can say it.
  var seconds: UInt32 { UInt32(clamping: modified) }

  /// Whether this is the same file and nobody has touched it. Further names do not matter.
  func isUntouched(_ other: FileIdentity) -> Bool {
    inode == other.inode && modified == other.modified && modifiedNanoseconds == other.modifiedNanoseconds
  }
}
