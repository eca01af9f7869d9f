import GitFormat
import Glibc
import HostSystem
import TestSupport
import Testing
import VersionedStore
import Wire

@testable import StoreSync

/// Values over HTTP, by curl, beside stock Git.
@Suite struct ValueTests {
  /// What curl got: the last head's status, its fields, and the body.
  private struct Answer {
    var status: Int
    var fields: [String: String] = [:]
    var body: String

    init(_ text: String) {
      var parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)[...]
      while parts.count == 2, parts[0].hasPrefix("HTTP/1.1 100") {
        parts = parts[1].split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)[...]
      }
      let lines = parts[parts.startIndex].split(separator: "\r\n")
      status = Int(lines.first?.dropFirst(9).prefix(3) ?? "") ?? 0
      for line in lines.dropFirst() {
        let sides = line.split(separator: ":", maxSplits: 1)
        fields[sides[0].lowercased()] = sides.count > 1 ? String(sides[1].dropFirst()) : ""
      }
      body = parts.count > 1 ? String(parts[parts.startIndex + 1]) : ""
    }
  }

  private func ask(
    _ served: ServedFolder, _ place: String, _ arguments: [String] = [], as person: String? = "ada"
  ) throws -> Answer {
    let login = person.map { person in
      ["-u", "\(person):\(ServedFolder.passwords.first { $0.0 == person }?.1 ?? "wrong")"]
    }
    return Answer(try served.curl((login ?? []) + arguments + [served.url(place)]))
  }

  /// What stock Git sees when it looks into a repository's folder.
  private func stock(_ served: ServedFolder, _ name: String, _ arguments: String...) throws -> String {
    let path = "stores/\(name).git"
    try GitBackend(opening: served.git.path(path)).publish()
    let outcome = try served.git.attempt(arguments, in: path, variables: served.variables)
    try #require(outcome.isSuccess, "\(outcome.output)")
    return outcome.output
  }

  @Test func aValueIsSetReadAndRemoved() throws {
    let served = try ServedFolder()
    let soup = "shared/home/-/files/recipes/leek%20soup"
    let set = try ask(served, soup + "?message=For+Sunday", ["-X", "PUT", "--data-binary", "leeks\n"])
    #expect(set.status == 200 && set.body.contains("\"changed\":true"))
    let read = try ask(served, soup)
    #expect(read.status == 200 && read.body == "leeks\n" && read.fields["lares-mode"] == "file")
    let blob = try stock(served, "shared/home", "rev-parse", "main:recipes/leek soup")
    #expect(read.fields["etag"] == "\"\(blob.dropLast())\"")
    #expect(read.fields["etag"] == set.fields["etag"])
    #expect(try ask(served, soup, ["-X", "PUT", "--data-binary", "leeks\n"]).body.contains("\"changed\":false"))
    #expect(try ask(served, soup, ["-I"]).body == "")
    #expect(try ask(served, soup, ["-H", "If-None-Match: \(read.fields["etag"]!)"]).status == 304)

    let list = try ask(served, "shared/home/-/files/recipes/")
    #expect(list.body == "[{\"id\":\"\(blob.dropLast())\",\"mode\":\"file\",\"path\":\"recipes/leek soup\"}]\n")
    #expect(try ask(served, "shared/home/-/files").body.contains(#""mode":"directory","path":"recipes""#))
    #expect(try ask(served, "shared/home/-/branches").body.contains(#""name":"main""#))
    _ = try ask(served, "shared/home/-/files/other?mode=executable", ["-X", "PUT", "-d", "x"])
    #expect(try ask(served, "shared/home/-/log/recipes").body.contains(#""message":"For Sunday\n""#))
    #expect(try !ask(served, "shared/home/-/log/recipes").body.contains("other"))
    #expect(
      try ask(served, "shared/home/-/files/recipes/leek%20soup?commit=\(read.fields["lares-commit"]!)").status == 200)
    #expect(try ask(served, "shared/home/-/files/other?commit=\(read.fields["lares-commit"]!)").status == 404)

    #expect(try ask(served, soup, ["-X", "DELETE"]).status == 200)
    #expect(try ask(served, soup).status == 404)
    #expect(try ask(served, soup, ["-X", "DELETE"]).status == 404)
    let log = try stock(served, "shared/home", "log", "--format=%an %cn %ce %s", "main")
    #expect(
      log == """
        ada ada ada@lares Remove recipes/leek soup
        ada ada ada@lares Set other
        ada ada ada@lares For Sunday

        """)
    _ = try stock(served, "shared/home", "fsck", "--strict")
    #expect(served.lines.text == "")
  }

  @Test func aChangeIsMadeOnlyOfWhatItsMakerHasSeen() throws {
    nonisolated(unsafe) let served = try ServedFolder(isSecure: false)
    let place = "shared/home/-/files/counter"
    #expect(try ask(served, place, ["-X", "PUT", "-d", "0", "-H", "If-None-Match: *"]).status == 200)
    #expect(try ask(served, place, ["-X", "PUT", "-d", "9", "-H", "If-None-Match: *"]).status == 412)
    #expect(
      try ask(served, place, ["-X", "PUT", "-d", "9", "-H", "If-Match: \"\(String(repeating: "0", count: 40))\""])
        .status == 412)
    #expect(try ask(served, "shared/home/-/files/none", ["-X", "PUT", "-d", "9", "-H", "If-Match: *"]).status == 412)
    #expect(try ask(served, place, ["-X", "DELETE", "-H", "If-Match: \"x\""]).status == 412)
    let rounds = 6
    let threads = try (0..<2).map { _ in
      try BackgroundThread {
        do {
          for _ in 0..<rounds {
            for _ in 0..<100 {
              let seen = try ask(served, place)
              let next = try #require(Int(seen.body)) + 1
              let tag = try #require(seen.fields["etag"])
              let answer = try ask(served, place, ["-X", "PUT", "-d", "\(next)", "-H", "If-Match: \(tag)"])
              if answer.status == 200 { break }
              try #require(answer.status == 412, "\(answer)")
            }
          }
        } catch { Issue.record(error) }
      }
    }
    _ = consume threads
    #expect(try ask(served, place).body == "\(2 * rounds)")
  }

  @Test func eachGetsWhatTheRightsSay() throws {
    let served = try ServedFolder()
    for name in ["shared/home", "public", "private"] { try served.fill(name, files: 2) }
    #expect(try ask(served, "shared/home/-/files/recipes/a", ["-X", "PUT", "-d", "x"], as: "ben").status == 200)
    let refused = try ask(served, "shared/home/-/files/file0", ["-X", "PUT", "-d", "x"], as: "ben")
    #expect(refused.status == 403 && refused.body.contains("person:ben may not write file0 in refs/heads/main"))
    #expect(try ask(served, "shared/home/-/files/file0", ["-X", "DELETE"], as: "ben").status == 403)
    #expect(
      try ask(served, "shared/home/-/files/recipes/a?branch=new", ["-X", "PUT", "-d", "x"], as: "ben").status == 403)
    for place in ["files/file0", "branches", "log", "watch"] {
      #expect(try ask(served, "private/-/\(place)", as: "ben").status == 404, "\(place)")
      #expect(try ask(served, "private/-/\(place)", as: nil).status == 401, "\(place)")
    }
    #expect(try ask(served, "public/-/files/file0", as: nil).body == "file 0\n")
    #expect(try ask(served, "public/-/files/file0", ["-X", "PUT", "-d", "x"], as: nil).status == 401)
    #expect(try ask(served, "public/-/files/file0", ["-X", "PUT", "-d", "x"], as: "ben").status == 403)
    // What only a hidden branch has is not there by name either.
    let work = "work-shared-home"
    try served.run("checkout", "-q", "-b", "secret", in: work)
    try served.git.write("s", to: "\(work)/hidden")
    try served.run("add", ".", in: work)
    try served.run("commit", "-qm", "hidden", in: work)
    try served.run("push", "-q", served.url("shared/home", as: "ada"), "secret", in: work)
    let hidden = try served.run("rev-parse", "HEAD", in: work).split(separator: "\n")[0]
    #expect(try ask(served, "shared/home/-/files/hidden?commit=\(hidden)").body == "s")
    #expect(try ask(served, "shared/home/-/files/hidden?commit=\(hidden)", as: "ben").status == 404)
    #expect(try ask(served, "shared/home/-/files/hidden?branch=secret", as: "ben").status == 404)
    #expect(try ask(served, "shared/home/-/watch?branch=secret", as: "ben").status == 404)
    #expect(try !ask(served, "shared/home/-/branches", as: "ben").body.contains("secret"))
  }

  @Test(arguments: [
    ("GET", "none", 404), ("POST", "log", 405), ("DELETE", "branches", 405), ("GET", "log?count=0", 400),
    ("GET", "log?count=1001", 400), ("GET", "files/a?brunch=main", 400), ("GET", "log?count=1&count=2", 400),
    ("GET", "files/a%2Fb", 400), ("GET", "files/%zz", 400), ("GET", "files/%FF", 400),
    ("GET", "files/a?branch=%FF", 400),
    ("GET", "files/a?branch=none", 404), ("GET", "files/a?commit=1234", 400), ("GET", "branches/main", 404),
    ("GET", "files?commit=0123456789012345678901234567890123456789", 404), ("PUT", "files", 400),
    ("PUT", "files/.git/config", 400), ("PUT", "files/%2E%2E/x", 400), ("PUT", "files/a?mode=directory", 400),
    ("PUT", "files/file0/below", 400), ("DELETE", "files/folder", 400), ("PUT", "files/folder", 400),
    ("GET", "watch?initial=maybe", 400), ("PUT", "files/x?branch=a..b", 400),
  ])
  func oddRequestsHaveTheirStatus(_ method: String, _ place: String, _ status: Int) throws {
    let served = try ServedFolder(isSecure: false)
    for file in ["file0", "folder/a"] {
      #expect(try ask(served, "public/-/files/\(file)", ["-X", "PUT", "-d", "x"]).status == 200)
    }
    let body = method == "PUT" ? ["-d", "x"] : []
    let answer = try ask(served, "public/-/\(place)", ["-X", method] + body)
    #expect(answer.status == status, "\(answer)")
    #expect(try stock(served, "public", "rev-list", "--count", "main") == "2\n")
    #expect(served.lines.text == "")
  }

  @Test func aConflictIsReported() throws {
    let served = try ServedFolder(isSecure: false)
    let repository = Repository(
      try GitBackend(opening: served.git.path("stores/public.git")),
      identity: Identity(name: "Ada", email: "ada@lares"),
      now: { 1 })
    let (main, side) = (try repository.branch("main"), try repository.branch("side"))
    let info = CommitInfo(author: Signature(name: "Ada", email: "ada@lares", time: 1), message: "x\n")
    try main.set("a", Array("1".utf8), info)
    try repository.store(
      Batch(refs: [RefChange(side.reference, from: nil, to: main.head()!.id, who: info.author, why: "test")]))
    try main.set("a", Array("2".utf8), info)
    try side.set("a", Array("3".utf8), info)
    var options = MergeOptions()
    options.commitsConflicts = true
    _ = try main.merge(side.head()!.id, info, options: options)
    let answer = try ask(served, "public/-/files/a")
    #expect(answer.body == "2" && answer.fields["lares-conflict"] != nil)
  }

  // MARK: - Events

  /// A reader of events, on a connection in the clear.
  private final class Listener {
    private let connection: Descriptor
    private(set) var text = ""
    private(set) var hasEnded = false

    init(_ served: ServedFolder, _ place: String, _ fields: [String] = [], as person: String = "ada") throws {
      connection = try served.connect()
      // "ada:correct horse" and "ben:battery staple" by base64.
      let login = person == "ada" ? "YWRhOmNvcnJlY3QgaG9yc2U=" : "YmVuOmJhdHRlcnkgc3RhcGxl"
      let lines = ["GET /\(place) HTTP/1.1", "Host: x", "Authorization: Basic \(login)"] + fields
      try connection.writeAll(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8), to: "the server")
    }

    /// Reads until something is there, or nothing comes for ten seconds.
    func wait(for isThere: (String) -> Bool) -> Bool {
      while !isThere(text) {
        var polled = pollfd(fd: connection.number, events: Int16(POLLIN), revents: 0)
        var bytes = [UInt8](repeating: 0, count: 65_536)
        guard poll(&polled, 1, 10_000) == 1 else { return false }
        let count = recv(connection.number, &bytes, bytes.count, 0)
        guard count > 0 else {
          hasEnded = true
          return isThere(text)
        }
        text += String(decoding: bytes[..<count], as: UTF8.self)
      }
      return true
    }

    func waitForEnd() -> Bool { wait { _ in hasEnded } || hasEnded }
  }

  @Test func changesAreToldWhoeverMakesThem() throws {
    let served = try ServedFolder(isSecure: false)
    try served.fill("shared/home", files: 1)
    let all = try Listener(served, "shared/home/-/watch?initial=true", as: "ben")
    let recipes = try Listener(served, "shared/home/-/watch/recipes")
    #expect(all.wait { $0.contains("event: added\ndata: ") && $0.contains(#""path":"file0""#) })
    #expect(recipes.wait { $0.contains("text/event-stream\r\n") })
    _ = try ask(served, "shared/home/-/files/recipes/soup", ["-X", "PUT", "-d", "x"])
    #expect(recipes.wait { $0.contains(#"event: added"#) && $0.contains(#""kind":"added","path":"recipes/soup""#) })
    let work = "work-shared-home"
    try served.run("pull", "-q", served.url("shared/home", as: "ada"), "main", in: work)
    try served.git.write("y", to: "\(work)/recipes/soup")
    try served.git.write("y", to: "\(work)/file0")
    try served.run("commit", "-qam", "by git", in: work)
    try served.run("push", "-q", served.url("shared/home", as: "ada"), "HEAD:main", in: work)
    #expect(recipes.wait { $0.contains(#""kind":"updated","path":"recipes/soup""#) && !$0.contains("file0") })
    let seen = try served.run("rev-parse", "HEAD", in: work).split(separator: "\n")[0]
    #expect(recipes.text.contains("id: \(seen)\n") && all.wait { $0.contains("id: \(seen)\n") })
    // Another process, without the server.
    let other = Repository(
      try GitBackend(opening: served.git.path("stores/shared/home.git")),
      identity: Identity(name: "Ada", email: "ada@lares"), now: { 1 })
    let info = CommitInfo(author: Signature(name: "Ada", email: "ada@lares", time: 1), message: "x\n")
    try other.branch("main").remove("recipes", info)
    #expect(recipes.wait { $0.contains("event: removed") })

    // One that comes again hears what it missed, once.
    let again = try Listener(served, "shared/home/-/watch/recipes", ["Last-Event-ID: \(seen)"])
    #expect(again.wait { $0.contains("event: removed") })
    try other.branch("main").set("recipes/tea", [1], info)
    #expect(again.wait { $0.contains("recipes/tea") })
    #expect(again.text.split(separator: "event: ").count == 3)
    // Whoever only listens does not keep the server.
    let start = Clock.now
    served.server.stop()
    #expect(all.waitForEnd() && recipes.waitForEnd() && again.waitForEnd())
    #expect(Clock.now.milliseconds(since: start) < 1_500)
  }

  @Test func eventsEndWithTheRightToHearThem() throws {
    let served = try ServedFolder(isSecure: false)
    try served.fill("shared/home", files: 1)
    let listener = try Listener(served, "shared/home/-/watch", as: "ben")
    #expect(listener.wait { $0.contains("text/event-stream\r\n") })
    try served.git.write(
      ServedFolder.rights.split(separator: "\n\n").filter { !$0.contains("person:ben") }.joined(separator: "\n\n"),
      to: "stores/rights.toml")
    _ = try ask(served, "shared/home/-/files/secret", ["-X", "PUT", "-d", "x"])
    #expect(listener.waitForEnd())
    #expect(!listener.text.contains("secret"))
  }
}
