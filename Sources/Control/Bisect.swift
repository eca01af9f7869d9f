import HostSystem

/// A search of the configuration's history for the commit that broke something, as it lasts between two answers.
struct BisectSearch: Codable, Equatable {
  /// Names of commits: the oldest that is known to be bad, the newest that is known to be good.
  var bad: String
  var good: String
  var skipped: [String] = []
  /// The commit that was in force when the search began, and comes back after it.
  var original: String
  /// The commit whose files are in force to be tried.
  var testing: String?

  private static func path(_ folder: String) -> String { folder + "/bisect" }

  /// The search that is going on; nil: none is.
  static func read(in folder: String) throws -> BisectSearch? {
    try File.readIfPresent(path(folder)).map { try JSON.decode(BisectSearch.self, from: $0) }
  }

  func write(in folder: String) throws {
    try File.replace(Self.path(folder), with: JSON.encode(self), mode: 0o600, durable: true)
  }

  static func end(in folder: String) throws { try File.remove(path(folder)) }
}

/// What to do next in a search, with numbers of commits.
enum BisectStep: Equatable {
  case test(Int, left: Int)
  case found(Int)
  case undecided([Int])
}

extension ControlDaemon {
  /// A step of the search. Each state that is to be tried is a provisional commit, as a rollback makes it; before the
  /// next one, and at the end, the configuration of before the search comes back.
  func bisect(_ wanted: BisectRequest, by author: String) throws -> BisectReport {
    if wanted.action == .start { return try startBisect(wanted, by: author) }
    guard var search = try BisectSearch.read(in: stateFolder) else { throw ControlError.notBisecting }
    switch wanted.action {
    case .start, .status: return try report(search, change.history.step(of: search), nil)
    case .reset:
      // Nothing can be put back where the history has begun anew since.
      if (try? isUntouched(search)) == true { try putBack(search, by: author) }
      try BisectSearch.end(in: stateFolder)
      return BisectReport(testing: nil, left: 0, found: nil, candidates: [], change: nil)
    case .good, .bad, .skip:
      guard let tested = search.testing else { throw ControlError.notBisecting }
      guard try isUntouched(search) else {
        throw ControlError.badRequest(
          "commit \(change.history.newest) has changed the configuration since: lares bisect reset ends the search and keeps it"
        )
      }
      switch wanted.action {
      case .good: search.good = tested
      case .bad: search.bad = tested
      default: search.skipped.append(tested)
      }
      try putBack(search, by: author)
      return try next(search, window: wanted.window, by: author)
    }
  }

  private func startBisect(_ wanted: BisectRequest, by author: String) throws -> BisectReport {
    try change.requireNoWindow(now: Clock.now)
    guard let head = try change.head(), let original = head.id else { throw ControlError.nothingCommitted }
    guard try candidate.read() == head.files else { throw ControlError.candidateDiffers }
    guard let good = wanted.good else {
      throw ControlError.badRequest("name a commit that was good: lares bisect start GOOD BAD")
    }
    let bad = try wanted.bad.map { try change.history.number(of: $0.text) } ?? change.history.newest
    let search = BisectSearch(
      bad: try name(bad), good: try name(change.history.number(of: good.text)), original: original)
    return try next(search, window: wanted.window, by: author)
  }

  /// Puts the next state in force. One that would be refused today is skipped.
  private func next(_ search: BisectSearch, window seconds: Int?, by author: String) throws -> BisectReport {
    var search = search
    while true {
      let step = try usingStore { try change.history.step(of: search) }
      guard case .test(let number, _) = step else {
        try BisectSearch.end(in: stateFolder)
        return try report(search, step, nil)
      }
      let target = try usingStore { try change.history.commit(number) }
      search.testing = target.id
      guard (try? checked(target.files)) != nil else {
        search.skipped.append(try name(number))
        continue
      }
      try search.write(in: stateFolder)
      let head = try change.head()
      guard target.files != head?.files else { return try report(search, step, nil) }
      let applied = try commit(
        target.files, author: author, reason: "Bisect: try commit \(number)", window: window(seconds))
      try candidate.write(target.files, before: head?.files ?? [:])
      return try report(search, step, applied)
    }
  }

  /// Whether nobody but the search has changed the configuration.
  private func isUntouched(_ search: BisectSearch) throws -> Bool {
    let files = try change.head()?.files
    let known = try [search.original, search.testing].compactMap(\.self).map { try change.history.files(at: $0) }
    return known.contains { $0 == files }
  }

  /// Puts the configuration of before the search back in force.
  private func putBack(_ search: BisectSearch, by author: String) throws {
    if change.window(now: Clock.now) != nil {
      _ = try endProvisional(why: "the search goes on", by: author)
    }
    let original = try change.history.files(at: search.original)
    guard let head = try change.head(), head.files != original else { return }
    _ = try commit(original, author: author, reason: "Bisect: back to what was before it", window: nil)
    try candidate.write(original, before: head.files)
  }

  private func name(_ number: Int) throws -> String {
    guard let id = try change.history.commit(number).id else { throw ControlError.historyClosed("it has no names") }
    return id
  }

  private func report(_ search: BisectSearch, _ step: BisectStep, _ change: ChangeReport?) throws -> BisectReport {
    var report = BisectReport(testing: nil, left: 0, found: nil, candidates: [], change: change)
    func summary(_ number: Int) throws -> CommitSummary { CommitSummary(try self.change.history.commit(number)) }
    switch step {
    case .test(let number, let left):
      report.testing = try summary(number)
      report.left = left
    case .found(let number): report.found = try summary(number)
    case .undecided(let numbers): report.candidates = try numbers.map(summary)
    }
    return report
  }
}
