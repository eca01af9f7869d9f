import GitFormat
import HostSystem

/// Takes old entries out of reflogs, as `git reflog expire --all` does.
struct CollectReflogs {
  let backend: GitBackend
  let expiry: ReflogExpiry
  let now: Int64

  /// - Returns: how many entries went. A log whose reference somebody is changing is left for another time.
  func run(_ names: some Sequence<String>) throws(StoreError) -> Int {
    var gone = 0
    for path in names where path.hasPrefix("logs/") {
      guard let name = RefName(String(path.dropFirst(5))) else { continue }
      let lines = try lines(of: name)
      guard let first = lines.first, age(first) > min(expiry.seconds, expiry.unreachableSeconds) else { continue }
      let reached = try commitsReached(from: name, lines)
      guard lines.contains(where: { !stays($0, reached) }) else { continue }
      _ = try backend.queue.whileNobodyWrites(holding: name) { () throws(StoreError) in
        let lines = try self.lines(of: name)
        let kept = lines.filter { stays($0, reached) }
        try backend.references.replaceLog(name, kept)
        gone += lines.count - kept.count
      }
    }
    return gone
  }

  private func lines(of name: RefName) throws(StoreError) -> [ArraySlice<UInt8>] {
    let path = "\(backend.folder)/logs/\(name)"
    let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(path) ?? [] }
    return bytes.split(separator: UInt8(ascii: "\n"))
  }

  /// In seconds.
  private func age(_ line: ArraySlice<UInt8>) -> Int64 {
    let who = line.dropFirst(2 * backend.format.digits + 2).prefix { $0 != UInt8(ascii: "\t") }
    return Signature(line: who).map { now.subtractingReportingOverflow($0.time).partialValue } ?? 0
  }

  private func stays(_ line: ArraySlice<UInt8>, _ reached: Set<ObjectID>) -> Bool {
    let age = age(line)
    guard age <= expiry.seconds else { return false }
    guard age > expiry.unreachableSeconds else { return true }
    let digits = backend.format.digits
    return [line.prefix(digits), line.dropFirst(digits + 1).prefix(digits)].allSatisfy { text in
      ObjectID(backend.format, hex: text).map { $0.isZero || reached.contains($0) } ?? false
    }
  }

  /// The commits that a reference reaches, where an entry's age makes that matter.
  private func commitsReached(from name: RefName, _ lines: [ArraySlice<UInt8>]) throws(StoreError) -> Set<ObjectID> {
    let matters = lines.contains {
      (expiry.unreachableSeconds + 1...max(expiry.seconds, expiry.unreachableSeconds + 1)).contains(age($0))
    }
    guard matters, let tip = try backend.references.read(name) else { return [] }
    let shallow = try backend.references.shallow()
    var reached: Set<ObjectID> = [tip]
    var open = [tip]
    while let id = open.popLast() {
      guard !shallow.contains(id), let object = try backend.find(id), object.kind == .commit,
        let commit = try? CommitObject(object.bytes, backend.format)
      else { continue }
      for parent in commit.parents where reached.insert(parent).inserted { open.append(parent) }
    }
    return reached
  }
}

extension References {
  /// Replaces a reference's log by some lines, durably. The caller holds the reference's lock.
  func replaceLog(_ name: RefName, _ lines: [ArraySlice<UInt8>]) throws(StoreError) {
    let path = "\(folder)/logs/\(name)"
    let temporary = temporaryPath()
    let bytes = lines.flatMap { $0 + [UInt8(ascii: "\n")] }
    try onDisk { () throws(SystemError) in
      try layer.create(temporary, with: bytes, sync: .reflog)
      try layer.rename(temporary, path)
      try layer.syncFolder(File.folderName(of: path), .reflog)
    }
  }
}
