import GitFormat
import Glibc
import HostSystem

/// Keeps the packs of a repository few: merges small ones into larger ones, with deltas, while others go on.
final class Maintenance: Sendable {
  /// So many packs that should be one are worth the work at any time, about as many as ten seconds of commits without a
  /// pause make,
  private static let urgent = 256
  /// and so many when nothing was committed for a while.
  private static let worthwhile = 4

  private let folder: String
  private let format: ObjectFormat
  private let packs: PackSet
  private let publisher: Publisher
  private let layer: FileLayer
  /// Locked by the process that is at work.
  private let lock: Descriptor
  /// The same among the threads of this process.
  private let turn = Monitor()

  init(
    folder: String, format: ObjectFormat, packs: PackSet, publisher: Publisher, layer: FileLayer
  ) throws(StoreError) {
    self.folder = folder
    self.format = format
    self.packs = packs
    self.publisher = publisher
    self.layer = layer
    lock = try onDisk { () throws(SystemError) in
      try Descriptor(opening: "\(folder)/lares/maintaining", O_RDWR | O_CREAT, mode: 0o640)
    }
  }

  /// Merges packs where enough of them should be one.
  ///
  /// - Parameter isIdle: nobody is committing now.
  func mergePacks(isIdle: Bool) throws(StoreError) {
    try alone { () throws(StoreError) in
      let chosen = GeometricMerge.choose(packs.packs())
      guard chosen.count >= (isIdle ? Self.worthwhile : Self.urgent) else { return }
      let (written, temporary) = try write { sink throws(StoreError) in try PackMerge.write(chosen, of: packs, to: sink)
      }
      let keep = try publisher.place(pack: temporary + ".pack", index: temporary + ".idx", name: written.name)
      for pack in chosen where !pack.path.hasSuffix(written.name) { try remove(pack.path) }
      try publisher.release(keep)
    }
  }

  /// Runs unless another process of ours, or a collector of stock Git, is at the same work.
  func alone(_ body: () throws(StoreError) -> Void) throws(StoreError) {
    try turn.withLock { () throws(StoreError) in
      guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else { return }
      defer { flock(lock.number, LOCK_UN) }
      // Stock Git takes a file older than twelve hours for one that was left behind.
      if let collector = FileIdentity(path: folder + "/gc.pid"), collector.ageInSeconds < 12 * 3_600 { return }
      try body()
    }
  }

  /// Writes a pack and its index, durably, where no collector looks.
  ///
  /// - Returns: also both files' path without `.pack` and `.idx`.
  func write(
    _ body: (@escaping PackSink) throws(StoreError) -> WrittenPack
  ) throws(StoreError) -> (pack: WrittenPack, path: String) {
    let path = "\(folder)/lares/pack-\(getpid())-merged"
    do throws(StoreError) {
      let file = try onDisk { () throws(SystemError) in
        try layer.remove(path + ".pack")
        return try layer.create(path + ".pack", mode: 0o440)
      }
      let output = BufferedFile(file)
      let written = try body { bytes throws(StoreError) in
        try onDisk { () throws(SystemError) in try output.append(bytes) }
      }
      let index = try written.index()
      try onDisk { () throws(SystemError) in
        try output.flush()
        try file.sync(.pack)
        try layer.remove(path + ".idx")
        try layer.create(path + ".idx", with: index, mode: 0o440, sync: .packIndex)
      }
      return (written, path)
    } catch {
      unlink(path + ".pack")
      unlink(path + ".idx")
      throw error
    }
  }

  /// Removes a pack whose objects are elsewhere, the index first: without it nobody looks for the rest.
  ///
  /// - Parameter path: both files' path without `.pack` and `.idx`.
  func remove(_ path: String) throws(StoreError) {
    try onDisk { () throws(SystemError) in
      // Stock Git's index of several packs would name it.
      let packs = File.folderName(of: path)
      for name in File.list(packs) where name.hasPrefix("multi-pack-index") { try layer.remove("\(packs)/\(name)") }
      for ending in [".idx", ".rev", ".bitmap", ".mtimes", ".pack"] where File.isThere(path + ending) {
        try layer.remove(path + ending)
      }
    }
  }
}

/// Collects small writes into large ones.
private final class BufferedFile {
  private static let size = 1 << 20
  private let file: WritableFile
  private var buffer: [UInt8] = []
  private var offset = 0

  init(_ file: WritableFile) { self.file = file }

  func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.size { try flush() }
  }

  func flush() throws(SystemError) {
    try file.write(buffer, at: offset)
    offset += buffer.count
    buffer.removeAll(keepingCapacity: true)
  }
}

/// The thread that maintains a repository, after others have what they want.
final class MaintenanceThread: Sendable {
  private static let idleMilliseconds = 2_000

  private let monitor = Monitor()
  private nonisolated(unsafe) var isEnding = false
  /// Something was published since the last look.
  private nonisolated(unsafe) var hasNews = false
  private nonisolated(unsafe) var thread: BackgroundThread?

  init(_ maintenance: Maintenance) {
    thread = try? BackgroundThread { [unowned self] in
      // The lowest priority, for this thread alone.
      setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
      run(maintenance)
    }
  }

  /// Something was published.
  func tell() {
    monitor.withLock {
      hasNews = true
      monitor.wakeAll()
    }
  }

  func end() {
    monitor.withLock {
      isEnding = true
      monitor.wakeAll()
    }
    thread = nil
  }

  private func run(_ maintenance: Maintenance) {
    var isQuiet = true
    while true {
      let isIdle: Bool? = monitor.withLock {
        while isQuiet, !hasNews, !isEnding { monitor.wait() }
        if !hasNews, !isEnding { monitor.wait(milliseconds: Self.idleMilliseconds) }
        defer { hasNews = false }
        return isEnding ? nil : !hasNews
      }
      guard let isIdle else { return }
      isQuiet = isIdle
      // What fails now is tried after the next commit; nothing depends on it.
      try? maintenance.mergePacks(isIdle: isIdle)
    }
  }
}
