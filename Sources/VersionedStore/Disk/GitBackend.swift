public import GitFormat
import Glibc
import HostSystem
import Synchronization
import Wire

/// A repository that is a bare Git repository on disk.
///
/// A commit is acknowledged when it is in our journal; a thread publishes it to Git's own files within 50 ms. Several
/// processes may have one repository open.
public final class GitBackend: Backend {
  /// How long an acknowledged commit usually waits before it is published. Less than the 50 ms that are promised, for
  /// publishing takes its time too.
  public static let publishAfterMilliseconds = 30
  /// For so long after a collection, changes may be made of what it took away.
  private static let dropMemoryMilliseconds: Int64 = 86_400_000
  /// How long somebody waits for a reference that another program has locked.
  private static let lockPatienceMilliseconds = 10_000

  public let folder: String
  public let format: ObjectFormat
  /// What was found and put right when the repository was opened.
  public var recoveryNotes: [String] { notes.withLock { $0 } }
  private let notes: Guarded<[String]>

  let layer: FileLayer
  let references: References
  let queue: JournalQueue
  let publisher: Publisher
  let packs: PackSet
  /// The last collection after which the packs were looked at for what they have no more.
  private let knownCollection: Atomic<UInt64>
  private let thread: PublishingThread
  let maintenance: Maintenance
  private let maintenanceThread: MaintenanceThread
  /// Keeps others from thinking that they are alone.
  private let presence: Descriptor

  // MARK: - Making and opening

  /// Makes a repository in a folder that does not exist, or is empty.
  public static func create(
    _ folder: String, format: ObjectFormat = .sha1, head: RefName = .branch("main")!, layer: FileLayer = .system,
    publishAfterMilliseconds: Int = GitBackend.publishAfterMilliseconds
  ) throws(StoreError) -> GitBackend {
    try RepositoryLayout.create(folder, format: format, head: head, layer: layer)
    return try GitBackend(opening: folder, layer: layer, publishAfterMilliseconds: publishAfterMilliseconds)
  }

  /// Opens a repository, and finishes what was cut off: no repair command is ever needed.
  ///
  /// - Parameter cacheBytes: how many bytes of packs' objects to keep in memory.
  /// - Throws: `.invalid` where it is no bare Git repository, `.damaged`, `.system`.
  public init(
    opening folder: String, layer: FileLayer = .system,
    cacheBytes: Int = 8 << 20, publishAfterMilliseconds: Int = GitBackend.publishAfterMilliseconds
  ) throws(StoreError) {
    self.folder = folder
    self.layer = layer
    format = try RepositoryLayout.format(of: folder)
    try RepositoryLayout.adopt(folder, layer: layer)
    let presence = try onDisk { () throws(SystemError) in
      try Descriptor(opening: "\(folder)/lares/open", O_RDWR | O_CREAT, mode: 0o640)
    }
    let shared = try onDisk { () throws(SystemError) in try SharedState(path: "\(folder)/lares/shared") }
    let isAlone = try Self.isAlone(presence, shared, folder)
    references = References(folder: folder, format: format, layer: layer)
    packs = PackSet(objects: folder + "/objects", format, limits: PackSet.Limits(cache: cacheBytes))
    let journal = try Journal(path: "\(folder)/lares/journal", format: format, layer: layer)
    queue = JournalQueue(journal: journal, shared: shared, references: references)
    publisher = try Publisher(folder: folder, format: format, queue: queue, references: references, layer: layer)
    if isAlone {
      shared.isKnown = false
      notes = Guarded(try publisher.recover())
      shared.isKnown = true
      flock(presence.number, LOCK_SH)
    } else {
      notes = Guarded([])
    }
    try queue.follow()
    knownCollection = Atomic(queue.collection)
    self.presence = presence
    maintenance = try Maintenance(folder: folder, format: format, packs: packs, publisher: publisher, layer: layer)
    let maintenanceThread = MaintenanceThread(maintenance)
    self.maintenanceThread = maintenanceThread
    thread = PublishingThread(publisher, queue: queue, delayMilliseconds: publishAfterMilliseconds) {
      maintenanceThread.tell()
    }
    if isAlone { finishForgetting() }
  }

  /// Waits until nobody has the repository open, or somebody has who knows what its journal holds. Whoever was opening it
  /// meanwhile may have failed.
  private static func isAlone(
    _ presence: borrowing Descriptor, _ shared: SharedState, _ folder: String
  ) throws(StoreError) -> Bool {
    let patience = Clock.now.advanced(milliseconds: Int64(lockPatienceMilliseconds))
    while Clock.now < patience {
      if flock(presence.number, LOCK_EX | LOCK_NB) == 0 { return true }
      flock(presence.number, LOCK_SH)
      if shared.isKnown { return false }
      flock(presence.number, LOCK_UN)
      usleep(1_000)
    }
    throw .locked(file: folder + "/lares/open", seconds: lockPatienceMilliseconds / 1_000)
  }

  /// What was cut off while something was forgotten goes on. What hinders that does not keep others from their data.
  private func finishForgetting() {
    let note: String?
    do throws(StoreError) {
      note = try resumeForgetting()
    } catch {
      note = "what was being forgotten when a process ended is not forgotten yet: \(error)"
    }
    if let note { notes.withLock { $0.append(note) } }
  }

  deinit {
    thread.end()
    maintenanceThread.end()
    // Closing is not enough while a child process that was just made has the file open too.
    flock(presence.number, LOCK_UN)
  }

  // MARK: - Objects

  public func object(_ id: ObjectID) throws(StoreError) -> GitObject {
    if let object = try find(id) { return object }
    try queue.follow()
    if let object = try find(id) { return object }
    throw .missing(id)
  }

  /// The object; nil where it is not here, without a look at what other processes wrote.
  func find(_ id: ObjectID) throws(StoreError) -> GitObject? {
    if let entry = try queue.entry(id) { return try Self.object(of: entry, format) }
    if let object = try packs.object(id) { return object }
    // Stock Git knows this one, and need not have it.
    return id == .emptyTree(format) ? GitObject(.tree, []) : nil
  }

  /// The object of a whole pack entry.
  private static func object(of entry: [UInt8], _ format: ObjectFormat) throws(StoreError) -> GitObject {
    do throws(FormatError) {
      return try entry.withUnsafeBufferPointer { entry throws(FormatError) -> GitObject in
        let bytes = UnsafeRawBufferPointer(entry)
        let header = try PackEntry(parsing: bytes, format)
        guard case .object(let kind) = header.content else {
          throw FormatError("journal entry", "it is a delta")
        }
        let body = UnsafeRawBufferPointer(rebasing: bytes[header.headerLength...])
        return GitObject(kind, try Deflate.decompress(body, size: header.size).bytes)
      }
    } catch {
      throw .malformed(error)
    }
  }

  public func kindAndSize(_ id: ObjectID) throws(StoreError) -> (kind: ObjectKind, size: Int) {
    if !queue.hasEntry(id), let found = try packs.kindAndSize(id) { return found }
    let object = try object(id)
    return (object.kind, object.bytes.count)
  }

  public var packSource: (any PackSource)? { packs }

  public func contains(_ id: ObjectID) throws(StoreError) -> Bool {
    if queue.hasEntry(id) || packs.contains(id) || id == .emptyTree(format) { return true }
    try queue.follow()
    return queue.hasEntry(id)
  }

  // MARK: - References

  public var headTarget: RefName { get throws(StoreError) { try references.headTarget() } }

  public func reference(_ name: RefName) throws(StoreError) -> ObjectID? {
    try queue.follow()
    let name = name == .head ? try headTarget : name
    if let value = queue.reference(name) { return value }
    return try references.read(name)
  }

  /// Whether a reference only names another one, as `refs/remotes/origin/HEAD` does in a clone of stock Git.
  public func isSymbolic(_ name: RefName) throws(StoreError) -> Bool { try references.isSymbolic(name) }

  public func references(under prefix: String) throws(StoreError) -> [(name: RefName, id: ObjectID)] {
    try queue.follow()
    // The journal first: what is published meanwhile is found on disk then.
    let unpublished = queue.durableReferences()
    var all = try references.all(under: prefix)
    for (name, id) in unpublished where name.text.hasPrefix(prefix) { all[name] = id }
    return all.map { (name: $0.key, id: $0.value) }.sorted { $0.name < $1.name }
  }

  // MARK: - Writing

  public func commit(_ batch: Batch) throws(StoreError) {
    guard batch.refs.count < 2 || Set(batch.refs.map(\.name)).count == batch.refs.count else {
      throw .invalid("a batch changes a reference twice")
    }
    guard !batch.refs.contains(where: { $0.name == .head }) else {
      throw .invalid("HEAD names a branch; change that")
    }
    let prepared = PreparedBatch(batch)
    guard prepared.payload.count <= JournalRecord.maximumPayload else { return try commitLarge(batch, prepared) }
    try commit(prepared, needing: batch)
  }

  /// - Parameter needed: the batch with all objects that go with it.
  private func commit(_ prepared: PreparedBatch, needing needed: Batch) throws(StoreError) {
    let patience = Clock.now.advanced(milliseconds: Int64(Self.lockPatienceMilliseconds))
    var pause: UInt32 = 1_000
    while true {
      let refusal: StoreError?
      let collection = queue.collection
      // A process that looked at the packs before the last collection may take for there what is not.
      if queue.hasDropped(since: Clock.now.advanced(milliseconds: -Self.dropMemoryMilliseconds))
        || knownCollection.load(ordering: .relaxed) != collection
      {
        try checkReferents(of: needed)
        knownCollection.store(collection, ordering: .relaxed)
      }
      switch queue.add(JournalQueue.Item(prepared, after: collection)) {
      case .done: return
      case .tryAgain:
        refusal = nil
        thread.hurry()
      case .failed(let error):
        if case .refChanged = error { try queue.settle() }
        guard case .locked = error else { throw error }
        refusal = error
      }
      if let refusal, Clock.now > patience { throw refusal }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }

  /// The objects of a large batch go into a pack at once, and only the references through the journal.
  private func commitLarge(_ batch: Batch, _ prepared: PreparedBatch) throws(StoreError) {
    let keep = try install(prepared)
    do throws(StoreError) {
      try commit(PreparedBatch(Batch(refs: batch.refs)), needing: batch)
    } catch {
      try? publisher.release(keep)
      throw error
    }
    publishStored(keep)
  }

  /// Publishes at once what is durable, and lets collectors see its objects. What hinders that does not undo what is
  /// acknowledged: it is published later, and the objects are kept until the repository is opened anew.
  func publishStored(_ keep: String?) {
    do throws(StoreError) {
      try publish()
      if let keep { try publisher.release(keep) }
    } catch { thread.hurry() }
  }

  /// Puts a batch's objects into a pack of their own.
  ///
  /// - Returns: the file that keeps collectors from it until it is released.
  private func install(_ prepared: PreparedBatch) throws(StoreError) -> String {
    var pack = PublishedPack(capacity: prepared.payload.count)
    for (id, place) in prepared.batch.objects { pack.add(id, entry: prepared.payload[place]) }
    // Others may keep the same objects for a time of their own: a name by what is in it would be theirs too.
    return try publisher.install(pack, as: ObjectID(format, SystemRandomness.bytes(format.length)))
  }

  public func hold(_ objects: [NewObject]) throws(StoreError) -> ObjectHold {
    let keep = try install(PreparedBatch(Batch(objects: objects)))
    let hold = ObjectHold { [publisher] in
      // What has come to refer to them meanwhile is seen by every collector then.
      try? publisher.publish()
      try? publisher.release(keep)
    }
    // A collection that does not know the pack yet cannot take anything away from now on.
    try queue.whileNobodyWrites { () throws(StoreError) in try checkReferents(of: Batch(objects: objects)) }
    return hold
  }

  public func publish() throws(StoreError) {
    try publisher.publish()
  }

  /// Overwrites what the journal held.
  func eraseJournal() throws(StoreError) {
    for _ in 0..<100 {
      try publish()
      if try queue.erase() { return }
    }
    throw .locked(file: "\(folder)/lares/journal", seconds: 0)
  }

  public func watch(_ onChange: @escaping @Sendable () -> Void) throws(StoreError) -> RefWatch {
    try ReferenceWatch.start(folder: folder, onChange)
  }
}
