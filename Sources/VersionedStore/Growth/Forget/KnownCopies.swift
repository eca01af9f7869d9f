public import GitFormat
import Glibc
import HostSystem

/// Looks for those who are known to have copies of a repository.
struct KnownCopies {
  private let backend: GitBackend

  init(_ backend: GitBackend) { self.backend = backend }

  func all() throws(StoreError) -> [ForgetResult.KnownCopy] {
    var found = Set(remotes(try configuration()))
    for name in try backend.references(under: "refs/remotes/").map(\.name.text) {
      let remote = String(name.dropFirst("refs/remotes/".utf8.count).prefix { $0 != "/" })
      if !found.contains(where: { $0.who == remote || $0.who.hasPrefix(remote + " ") }) {
        found.insert(ForgetResult.KnownCopy(kind: .remote, who: remote))
      }
    }
    for path in try CollectRoots(backend.references).files.keys where path.hasPrefix("logs/") {
      let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent("\(backend.folder)/\(path)") ?? [] }
      found.formUnion(bytes.split(separator: UInt8(ascii: "\n")).compactMap(pusher))
    }
    found.formUnion(try fetchers())
    return found.sorted { ($0.kind.rawValue, $0.who) < ($1.kind.rawValue, $1.who) }
  }

  private func configuration() throws(StoreError) -> String {
    let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(backend.folder + "/config") ?? [] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `[remote "name"]` with its `url`.
  private func remotes(_ text: String) -> [ForgetResult.KnownCopy] {
    var found: [ForgetResult.KnownCopy] = []
    var remote: Substring?
    for line in text.split(separator: "\n") {
      let words = line.drop { $0 == " " || $0 == "\t" }
      if words.hasPrefix("[") {
        let parts = words.split(separator: "\"", omittingEmptySubsequences: false)
        remote = words.hasPrefix("[remote ") && parts.count > 2 ? parts[1] : nil
      } else if let remote, let equals = words.firstIndex(of: "="),
        words[..<equals].filter({ $0 != " " && $0 != "\t" }) == "url"
      {
        let place = words[words.index(after: equals)...].drop { $0 == " " || $0 == "\t" }
        found.append(.init(kind: .remote, who: "\(remote) (\(Self.withoutPassword(place)))"))
      }
    }
    return found
  }

  /// An address without what stands between `//` and `@`.
  private static func withoutPassword(_ place: Substring) -> String {
    let parts = place.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count > 2, parts[1].isEmpty, let at = parts[2].lastIndex(of: "@") else { return String(place) }
    return ([parts[0], parts[1], parts[2][parts[2].index(after: at)...]] + parts[3...]).joined(separator: "/")
  }

  /// Of a reflog's line that `receive-pack` wrote: `<old> <new> <who>\tpush`.
  private func pusher(_ line: ArraySlice<UInt8>) -> ForgetResult.KnownCopy? {
    let rest = line.dropFirst(2 * backend.format.digits + 2)
    let who = rest.prefix { $0 != UInt8(ascii: "\t") }
    guard rest[who.endIndex...].dropFirst().starts(with: "push".utf8), let signature = Signature(line: who) else {
      return nil
    }
    return .init(kind: .pushed, who: "\(signature.name) <\(signature.email)>")
  }

  /// Who was served, a line each.
  static func fetchedPath(_ folder: String) -> String { folder + "/lares/fetched" }

  private func fetchers() throws(StoreError) -> [ForgetResult.KnownCopy] {
    let path = Self.fetchedPath(backend.folder)
    let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(path) ?? [] }
    return bytes.split(separator: UInt8(ascii: "\n")).map {
      .init(kind: .fetched, who: String(decoding: $0, as: UTF8.self))
    }
  }
}

extension GitBackend {
  /// Never waits, and is not synced: a name that is lost is one more that is not known.
  public func noteFetch(by who: Signature) {
    let line = "\(who.name) <\(who.email)>"
    let path = KnownCopies.fetchedPath(folder)
    let known = (try? File.readIfPresent(path)) ?? []
    let lines = known.split(separator: UInt8(ascii: "\n"))
    guard lines.count < Self.mostFetchers, !lines.contains(where: { $0.elementsEqual(line.utf8) }),
      let file = try? Descriptor(opening: path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o640)
    else { return }
    try? file.writeAll(Array((line + "\n").utf8), to: path)
  }

  private static let mostFetchers = 10_000

  /// Takes forgotten people out of that list, too.
  func forgetFetchers(_ people: PeopleFilter) throws(StoreError) {
    let path = KnownCopies.fetchedPath(folder)
    guard !people.isEmpty, let bytes = try onDisk({ () throws(SystemError) in try File.readIfPresent(path) }) else {
      return
    }
    let lines = bytes.split(separator: UInt8(ascii: "\n")).map { line in
      Signature(line: line).map { people.neutral($0).bytes } ?? Array(line)
    }
    try onDisk { () throws(SystemError) in
      try layer.remove(path)
      try layer.create(path, with: lines.flatMap { $0 + [UInt8(ascii: "\n")] }, sync: .forgotten)
    }
  }
}
