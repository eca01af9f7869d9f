public import GitFormat
import Glibc
import HostSystem
import Wire

extension GitBackend {
  /// Takes paths and people out of the whole history, and their contents off the disk.
  ///
  /// Every commit of every reference and reflog is made anew without them, and all that comes after one: those commits get
  /// other names, and lose signatures. Then the old objects are removed from every file of the repository, and their names
  /// noted in `lares/forgotten`: they are refused when somebody sends them again.
  ///
  /// Once begun it is carried through: what a crash cuts off is finished when the repository is opened next. Blocks of
  /// the disk that the files had are free, not overwritten; a journal of the file system, a snapshot, a flash chip, and
  /// every clone and backup may have them still.
  ///
  /// - Parameters:
  ///   - request: what to forget.
  ///   - who: for reflogs.
  /// - Throws: `.invalid` where something keeps objects here (a pack with `.keep`, a working tree): then nothing has
  ///   changed. The same, or `.locked`, where another program is at work in the repository for long: call it again.
  @discardableResult
  public func forget(_ request: ForgetRequest, who: Signature) throws(StoreError) -> ForgetResult {
    let plan = try ForgetPlan(request, format)
    try checkNothingKeeps()
    var forgetting = try Forgetting(self, plan, who)
    return try forgetting.run()
  }

  /// What `forget` would do, looked at without changing anything.
  public func wouldForget(_ request: ForgetRequest) throws(StoreError) -> ForgetResult {
    try publish()
    let work = try ForgetWork(self, ForgetPlan(request, format), isTrial: true)
    try work.rewrite()
    return try work.result()
  }

  /// What was forgotten here.
  public var forgotten: ForgottenObjects { get throws(StoreError) { try forgottenList.read() } }

  /// Adds to the list what another place has forgotten, so that it is refused here. Nothing that is here goes.
  public func remember(_ forgotten: ForgottenObjects) throws(StoreError) {
    try forgottenList.write(try self.forgotten.union(forgotten))
  }

  /// Whether something is being forgotten now, or was when a process ended.
  public var isForgetting: Bool { File.isThere(forgottenList.planPath) }

  var forgottenList: ForgottenList { ForgottenList(folder: folder, format: format, layer: layer) }

  /// Finishes what was cut off.
  ///
  /// - Returns: what a person should know of it.
  func resumeForgetting() throws(StoreError) -> String? {
    guard let plan = try forgottenList.readPlan() else { return nil }
    let who = Signature(name: "lares", email: "lares@localhost", time: Clock.wallMilliseconds / 1_000)
    var forgetting = try Forgetting(self, plan, who)
    _ = try forgetting.run()
    return "what was being forgotten when a process ended is forgotten now"
  }

  /// Looks for what keeps objects here whatever a collection does.
  private func checkNothingKeeps() throws(StoreError) {
    let folder = self.folder
    if !File.list(folder + "/worktrees").isEmpty || File.isThere(folder + "/index") {
      throw .invalid("\(folder) has a working tree, whose files cannot be forgotten from here; forget in a bare clone")
    }
    let settings = try onDisk { () throws(SystemError) in try File.read(folder + "/config") }
    if let precious = GitConfiguration(String(decoding: settings, as: UTF8.self))["extensions.preciousobjects"],
      precious != "false"
    {
      throw .invalid("\(folder) is set to lose no object (extensions.preciousObjects)")
    }
    let ours = FileIdentity(path: folder + "/lares/lock")?.inode
    for name in File.list(folder + "/objects/pack") where name.hasSuffix(".keep") || name.hasSuffix(".promisor") {
      let path = "\(folder)/objects/pack/\(name)"
      if FileIdentity(path: path)?.inode != ours {
        throw .invalid("\(path) keeps a pack from being changed; remove it if nobody needs it, then forget again")
      }
    }
    if File.isThere(folder + "/objects/info/alternates") {
      throw .invalid("\(folder) has objects of other repositories (objects/info/alternates), which stay there")
    }
  }
}

extension Repository {
  /// As `GitBackend.forget`; this repository then remembers nothing of the old history in memory either.
  ///
  /// - Throws: also `.invalid` where the back end is not on disk.
  @discardableResult
  public func forget(_ request: ForgetRequest) throws(StoreError) -> ForgetResult {
    guard let backend = backend as? GitBackend else { throw .invalid("only a repository on disk can forget") }
    defer { letGo() }
    return try backend.forget(request, who: signature())
  }
}

/// One forgetting, from the decision to the last file.
private struct Forgetting {
  private let backend: GitBackend
  private let plan: ForgetPlan
  private let who: Signature
  private let list: ForgottenList
  /// An earlier one was cut off, perhaps after its references moved.
  private let isResumed: Bool

  private static let mostRounds = 20
  private static let patienceMilliseconds: Int64 = 30_000

  init(_ backend: GitBackend, _ plan: ForgetPlan, _ who: Signature) throws(StoreError) {
    self.backend = backend
    self.who = who
    list = backend.forgottenList
    var plan = plan
    let interrupted = try list.readPlan()
    if let interrupted { try plan.add(interrupted) }
    isResumed = interrupted != nil
    self.plan = plan
  }

  mutating func run() throws(StoreError) -> ForgetResult {
    let before = try list.read()
    let wanted = ForgottenObjects(backend.format, ids: Set(plan.objects.ids), people: plan.people)
    try list.write(before.union(wanted))
    try list.write(plan)
    let work = try ForgetWork(backend, plan, isTrial: false)
    do throws(StoreError) {
      try moveReferences(work)
    } catch {
      try? work.objects.release()
      // Where no reference has moved, nothing has happened. After a failed write nobody knows whether one has.
      if work.moved.isEmpty, !isResumed, !error.isOfDisk {
        try list.write(before)
        try list.removePlan()
      }
      throw error
    }
    var result = try work.result()
    // Where nothing was found, what waits for a collection goes on waiting.
    let isEmpty = try work.forgotten().isEmpty && work.moved.isEmpty && plan.people.isEmpty
    if isResumed || !isEmpty { try purge(work) }
    try work.objects.release()
    try list.removePlan()
    result.leftovers = leftovers()
    return result
  }

  /// Rewrites until nothing names what is forgotten, others writing meanwhile or not.
  private func moveReferences(_ work: ForgetWork) throws(StoreError) {
    for _ in 0..<Self.mostRounds {
      try backend.publish()
      try work.rewrite()
      let changes = work.changes(who)
      guard !changes.isEmpty || work.moved.isEmpty else { return }
      try work.objects.flush()
      try list.write(list.read().union(ForgottenObjects(backend.format, ids: work.forgotten(), people: [])))
      guard !changes.isEmpty else { return }
      do throws(StoreError) {
        try move(changes, work)
      } catch {
        guard case .refChanged = error else { throw error }
      }
    }
    throw .tooManyRetries(Self.mostRounds)
  }

  private func move(_ changes: [RefChange], _ work: ForgetWork) throws(StoreError) {
    let ends = work.shallowChange
    if !ends.added.isEmpty { try backend.references.changeShallow(ShallowChange(added: ends.added)) }
    try backend.commit(Batch(refs: changes))
    work.moved.formUnion(changes.map(\.name))
    try backend.publish()
    if !ends.removed.isEmpty { try backend.references.changeShallow(ShallowChange(removed: ends.removed)) }
  }

  // MARK: - The disk

  /// Removes the old objects, and all that tells of them.
  private func purge(_ work: ForgetWork) throws(StoreError) {
    let forgotten = try work.forgotten()
    try ForgetReflogs(backend, work).run()
    try backend.forgetFetchers(PeopleFilter(plan.people))
    try onDisk { () throws(SystemError) in
      // ORIG_HEAD, FETCH_HEAD, MERGE_HEAD and the like.
      for name in File.list(backend.folder) where name.hasSuffix("_HEAD") {
        try backend.layer.remove("\(backend.folder)/\(name)")
      }
    }
    try work.objects.release()
    let end = Clock.now.advanced(milliseconds: Self.patienceMilliseconds)
    while true {
      var options = CollectOptions(now: Clock.wallMilliseconds / 1_000)
      options.graceSeconds = 0
      options.reflogs = nil
      let collected = try backend.collect(options)
      backend.packs.forgetCache()
      try backend.eraseJournal()
      _ = backend.packs.openPacks()
      guard let left = forgotten.first(where: { backend.holds($0) }) else { return try syncFolders() }
      if Clock.now > end {
        let why = collected.isPostponed ? ", for somebody is sending objects to this repository" : ""
        throw .invalid(
          "\(place(of: left)) still has what is to be forgotten\(why); the history is rewritten; forget again to finish, "
            + "or open the repository when nobody else uses it")
      }
      usleep(100_000)
    }
  }

  /// What was removed must not come back with the next power cut.
  private func syncFolders() throws(StoreError) {
    let objects = File.list(backend.folder + "/objects").map { "/objects/\($0)" }
    try onDisk { () throws(SystemError) in
      for place in objects + ["/objects", ""] where File.isFolder(backend.folder + place) {
        try backend.layer.syncFolder(backend.folder + place, .forgotten)
      }
    }
  }

  private func place(of id: ObjectID) -> String {
    let pack = backend.packs.openPacks().first { $0.index.position(of: id) != nil }
    return pack.map { $0.path + ".pack" } ?? backend.folder + "/objects"
  }

  /// Files of programs that ended, or are at work: nobody can tell what is in them.
  private func leftovers() -> [String] {
    let folder = backend.folder
    var found: [String] = []
    for place in ["objects", "objects/pack"] {
      for name in File.list("\(folder)/\(place)") where name.hasPrefix("tmp_") || name.hasPrefix(".tmp-") {
        found.append("\(place)/\(name)")
      }
    }
    for name in File.list(folder + "/lares") where name.hasPrefix("pack-") || name.hasPrefix(Publisher.incomingPrefix) {
      found.append("lares/\(name)")
    }
    return found.sorted()
  }
}

extension StoreError {
  /// What the disk holds is not known after it.
  fileprivate var isOfDisk: Bool {
    switch self {
    case .system, .poisoned: true
    default: false
    }
  }
}
