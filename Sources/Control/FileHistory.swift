import HostSystem

/// A history of one JSON file a commit, until the versioned store takes it over.
public struct FileHistory: ConfigurationHistory {
  public private(set) var newest: Int
  public private(set) var provisional: Provisional?
  private let folder: String

  /// Opens the history in a folder, which is made where it is missing.
  ///
  /// - Throws: where the folder cannot be read or written, or holds a mark that cannot be understood.
  public init(folder: String) throws {
    self.folder = folder
    try File.makeFolder(folder, mode: 0o700)
    let numbers = File.list(folder).filter { $0.hasSuffix(".json") }.compactMap { Int($0.dropLast(5)) }
    newest = numbers.max() ?? 0
    if let bytes = try File.readIfPresent(folder + "/provisional") {
      provisional = try JSON.decode(Provisional.self, from: bytes)
    }
  }

  public func commit(_ number: Int) throws -> Commit {
    guard number >= 1, number <= newest else { throw ControlError.noSuchCommit(number, newest: newest) }
    return try JSON.decode(Commit.self, from: File.read(path(number)))
  }

  public mutating func append(_ commit: Commit) throws {
    precondition(commit.number == newest + 1)
    try File.replace(path(commit.number), with: JSON.encode(commit), mode: 0o600, durable: true)
    newest = commit.number
  }

  public mutating func setProvisional(_ provisional: Provisional?) throws {
    let path = folder + "/provisional"
    if let provisional {
      try File.replace(path, with: JSON.encode(provisional), mode: 0o600, durable: true)
    } else {
      try File.remove(path)
      try File.syncFolder(of: path)
    }
    self.provisional = provisional
  }

  /// Eight digits, so that a listing is in order.
  private func path(_ number: Int) -> String {
    let digits = String(number)
    return folder + "/" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".json"
  }
}
