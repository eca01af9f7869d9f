import GitFormat
import Glibc
import HostSystem
import Wire

/// Brings what the journal holds into Git's own files: first objects, as a whole pack with its index, then references.
final class Publisher: Sendable {
  private let folder: String
  private let format: ObjectFormat
  private let queue: JournalQueue
  private let references: References
  let layer: FileLayer
  /// One at a time in this process, and by the lock of this file in all.
  private let turn = Monitor()
  private let lock: Descriptor
  /// The file that our locks and keep files are links to.
  private var mark: String { "\(folder)/lares/lock" }

  init(
    folder: String, format: ObjectFormat, queue: JournalQueue, references: References, layer: FileLayer
  ) throws(StoreError) {
    self.folder = folder
    self.format = format
    self.queue = queue
    self.references = references
    self.layer = layer
    lock = try onDisk { () throws(SystemError) in
      try Descriptor(opening: "\(folder)/lares/publishing", O_RDWR | O_CREAT, mode: 0o640)
    }
  }

  /// Publishes all that is acknowledged now.
  func publish() throws(StoreError) { _ = try publish(isRecovery: false) }

  /// For one who is alone with the repository: takes up what the journal holds, publishes it, and clears away what a
  /// process that was cut off left behind.
  ///
  /// - Returns: what a person should know of it.
  func recover() throws(StoreError) -> [String] {
    try queue.recover()
    try removeLeftovers()
    // That of packed references first, for publishing needs it; those of references once they are published.
    try references.removeOwnLocks(in: ".", deep: false)
    let notes = try publish(isRecovery: true)
    try references.removeOwnLocks()
    return notes
  }

  private func publish(isRecovery: Bool) throws(StoreError) -> [String] {
    try turn.withLock { () throws(StoreError) in
      flock(lock.number, LOCK_EX)
      defer { flock(lock.number, LOCK_UN) }
      let (batches, end) = try queue.batchesToPublish()
      guard !batches.isEmpty else { return [] }
      let keep = try installObjects(of: batches)
      var changes: [RefName: [RefChange]] = [:]
      for change in batches.lazy.flatMap(\.refs) { changes[change.name, default: []].append(change) }
      var notes: [String] = []
      for (name, chain) in changes.sorted(by: { $0.key < $1.key }) {
        if isRecovery { _ = try references.lock(name) }
        if let note = try publish(name, chain, isRecovery: isRecovery) { notes.append(note) }
      }
      try references.syncFolders(of: changes.keys)
      try queue.published(upTo: end, refs: changes.keys)
      if let keep { try release(keep) }
      return notes
    }
  }

  // MARK: - Objects

  private func installObjects(of batches: [JournalBatch]) throws(StoreError) -> String? {
    let (bytes, base) = try queue.bytes(of: batches)
    var pack = PublishedPack(capacity: bytes.count)
    for batch in batches {
      for (id, place) in batch.objects {
        guard place.upperBound - base <= bytes.count else {
          throw .damaged(file: "\(folder)/lares/journal", "it ends before \(place.upperBound)")
        }
        pack.add(id, entry: bytes[place.lowerBound - base..<place.upperBound - base])
      }
    }
    return pack.count == 0 ? nil : try install(pack)
  }

  /// Puts a pack among those of the repository, durably.
  ///
  /// - Parameter name: what its files are called after; nil: its checksum, as Git has it.
  /// - Returns: the file that keeps collectors from it until `release`, for no reference names its objects yet.
  func install(_ pack: consuming PublishedPack, as name: ObjectID? = nil) throws(StoreError) -> String {
    let index: [UInt8]
    let checksum: ObjectID
    do { (index, checksum) = try pack.finish(format) } catch { throw .malformed(error) }
    let name = name ?? checksum
    let bytes = pack.bytes
    // Not within `objects`: a collector of stock Git removes files there that it does not know.
    let temporary = "\(folder)/lares/pack-\(getpid())-\(name)"
    do throws(SystemError) {
      try layer.create(temporary + ".pack", with: bytes, mode: 0o440, sync: .pack)
      try layer.create(temporary + ".idx", with: index, mode: 0o440, sync: .packIndex)
    } catch {
      unlink(temporary + ".pack")
      unlink(temporary + ".idx")
      throw .system(error)
    }
    return try place(pack: temporary + ".pack", index: temporary + ".idx", name: "pack-\(name)")
  }

  /// Moves the files of a pack, which are on the disk, to where they are found.
  ///
  /// - Parameter times: of a cruft pack, the file that says how old its objects are.
  /// - Returns: the file that keeps collectors from it until `release`.
  func place(pack: String, index: String, times: String? = nil, name: String) throws(StoreError) -> String {
    let final = "\(folder)/objects/pack/\(name)"
    do throws(SystemError) {
      if !File.isThere(final + ".keep") { try layer.link(mark, final + ".keep") }
      // A pack of the same objects may have been the other kind.
      if let times {
        try layer.rename(times, final + ".mtimes")
      } else if File.isThere(final + ".mtimes") {
        try layer.remove(final + ".mtimes")
      }
      try layer.rename(pack, final + ".pack")
      // With it the pack can be seen.
      try layer.rename(index, final + ".idx")
      try layer.syncFolder("\(folder)/objects/pack", .packFolder)
    } catch {
      unlink(pack)
      unlink(index)
      if let times { unlink(times) }
      throw .system(error)
    }
    return final + ".keep"
  }

  /// Lets collectors have a pack, unless somebody else wants it to stay.
  func release(_ keep: String) throws(StoreError) {
    guard FileIdentity(path: keep)?.inode == FileIdentity(path: mark)?.inode else { return }
    try onDisk { () throws(SystemError) in try layer.remove(keep) }
  }

  /// Removes files that a process left when it was cut off.
  private func removeLeftovers() throws(StoreError) {
    try onDisk { () throws(SystemError) in
      for name in File.list(folder + "/lares") where name.hasPrefix("pack-") || name.hasSuffix(".new") {
        try layer.remove("\(folder)/lares/\(name)")
      }
      for name in File.list(folder + "/lares") where name.hasPrefix(Self.incomingPrefix) {
        ReceivedPack.remove("\(folder)/lares/\(name)")
      }
      let ours = FileIdentity(path: mark)?.inode
      for name in File.list(folder + "/objects/pack") where name.hasSuffix(".keep") {
        let path = "\(folder)/objects/pack/\(name)"
        if FileIdentity(path: path)?.inode == ours { try layer.remove(path) }
      }
    }
  }

  // MARK: - References

  /// Brings one reference to its newest value.
  ///
  /// - Returns: a note where somebody else had moved it meanwhile, which only a power cut makes possible, or made others in
  ///   a folder of its name, which nothing hinders.
  private func publish(
    _ name: RefName, _ chain: [RefChange], isRecovery: Bool
  ) throws(StoreError) -> String? {
    guard let last = chain.last else { return nil }
    let current = try references.read(name)
    if current != last.new {
      guard current == chain.first?.old || chain.contains(where: { $0.new == current }) else {
        return try rescue(name, last, found: current)
      }
      if let id = last.new {
        guard try references.write(name, id) else { return try rescue(name, last, found: nil) }
      } else {
        try references.delete(name)
      }
    }
    guard last.new != nil else { return nil }
    // A publisher that was cut off may have written a part of the log.
    let known = isRecovery ? try references.loggedCount(name, of: chain) : 0
    if known < chain.count { try references.appendLog(name, Array(chain[known...])) }
    return nil
  }

  /// Keeps an acknowledged value under another name, where a program moved the reference before it was published.
  private func rescue(_ name: RefName, _ change: RefChange, found: ObjectID?) throws(StoreError) -> String? {
    guard let id = change.new else { return nil }
    guard let short = name.text.split(separator: "/", maxSplits: 1).last,
      let other = RefName("refs/lares/rescued/\(short)-\(id.hex.prefix(12))")
    else { return nil }
    if try references.read(other) == nil {
      _ = try references.lock(other)
      defer { try? references.unlock(other) }
      _ = try references.write(other, id)
      try references.syncFolders(of: [other])
    }
    return
      "\(name) was \(found.map { "moved to \($0)" } ?? "replaced or removed") by another program while a commit to it "
      + "was not published yet; that commit is kept as \(other)"
  }
}

/// The thread that publishes what a process has acknowledged.
final class PublishingThread: Sendable {
  private let queue: JournalQueue
  private let publisher: Publisher
  private let onPublished: @Sendable () -> Void
  private nonisolated(unsafe) var isEnding = false
  private nonisolated(unsafe) var isHurried = false
  private nonisolated(unsafe) var thread: BackgroundThread?

  init(
    _ publisher: Publisher, queue: JournalQueue, delayMilliseconds: Int, onPublished: @escaping @Sendable () -> Void
  ) {
    self.publisher = publisher
    self.queue = queue
    self.onPublished = onPublished
    thread = try? BackgroundThread { [unowned self] in run(delayMilliseconds) }
  }

  /// Publishes soon, without the usual wait.
  func hurry() {
    queue.publishing.withLock {
      isHurried = true
      queue.publishing.wakeAll()
    }
  }

  /// Publishes what is left, and ends.
  func end() {
    queue.publishing.withLock {
      isEnding = true
      queue.publishing.wakeAll()
    }
    thread = nil
  }

  private func run(_ delay: Int) {
    var failures = 0
    while true {
      let isLast = queue.publishing.withLock {
        while !isEnding {
          if let since = queue.waitingSince {
            let waited = Int((Clock.now.nanoseconds - since.nanoseconds) / 1_000_000)
            // After a failure, such as a full disk, not as fast as the disk can refuse.
            let wanted = failures == 0 ? delay : min(5_000, delay << min(failures, 8))
            if waited >= wanted || (isHurried && failures == 0) { break }
            queue.publishing.wait(milliseconds: max(1, wanted - waited))
          } else {
            queue.publishing.wait()
          }
        }
        isHurried = false
        return isEnding
      }
      do {
        try publisher.publish()
        failures = 0
        onPublished()
      } catch {
        failures += 1
      }
      if isLast { return }
    }
  }
}
