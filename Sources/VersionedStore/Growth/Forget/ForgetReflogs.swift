import GitFormat
import Glibc
import HostSystem
import Wire

/// Makes reflogs name what the history became, without the people who are forgotten.
struct ForgetReflogs {
  private let backend: GitBackend
  private let work: ForgetWork
  private static let patienceMilliseconds: Int64 = 10_000

  init(_ backend: GitBackend, _ work: ForgetWork) {
    self.backend = backend
    self.work = work
  }

  func run() throws(StoreError) {
    for path in try CollectRoots(backend.references).files.keys.sorted() where path.hasPrefix("logs/") {
      guard let name = RefName(String(path.dropFirst(5))) else { continue }
      let end = Clock.now.advanced(milliseconds: Self.patienceMilliseconds)
      while try !rewrite(name) {
        if Clock.now > end { throw .locked(file: "\(backend.folder)/\(name).lock", seconds: 0) }
        usleep(10_000)
        try backend.publish()
      }
    }
  }

  /// - Returns: false where somebody is changing the reference.
  private func rewrite(_ name: RefName) throws(StoreError) -> Bool {
    try backend.queue.whileNobodyWrites(holding: name) { () throws(StoreError) in
      let path = "\(backend.folder)/logs/\(name)"
      let bytes = try onDisk { () throws(SystemError) in try File.readIfPresent(path) ?? [] }
      let lines = bytes.split(separator: UInt8(ascii: "\n"))
      let kept = lines.compactMap(rewritten)
      if !kept.elementsEqual(lines) { try backend.references.replaceLog(name, kept) }
    }
  }

  /// A line `<old> <new> <who>\t<why>` as it is to be; nil where it is to go: it names what is no more, or says nothing
  /// any more.
  private func rewritten(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let digits = backend.format.digits
    let texts = [line.prefix(digits), line.dropFirst(digits + 1).prefix(digits)]
    let old = texts.compactMap { ObjectID(backend.format, hex: $0) }
    guard old.count == 2 else { return nil }
    let new = old.map { $0.isZero ? $0 : work.history.map[$0] }
    guard let from = new[0], let to = new[1], old == [from, to] || from != to else { return nil }
    let rest = line.dropFirst(2 * digits + 2)
    let who = rest.prefix { $0 != UInt8(ascii: "\t") }
    var output: [UInt8] = []
    for id in [from, to] {
      id.appendHex(to: &output)
      output.append(UInt8(ascii: " "))
    }
    output += Signature(line: who).map { work.history.neutral($0).bytes } ?? Array(who)
    output += work.history.neutral(text: Array(rest[who.endIndex...]))
    return output[...]
  }
}
