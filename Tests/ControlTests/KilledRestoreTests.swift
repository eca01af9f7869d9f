import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import Control

/// kill -9 at any moment of a restore leaves what was there, or what was to be: never some of each.
@Suite struct KilledRestoreTests {
  private static let rounds = Soak.count(3, soak: 300)

  private struct Scene: Equatable {
    var inForce: String?
    var secret: String?
  }

  /// What a start of control makes of what it finds; the candidate follows it.
  private func scene(of place: RouterPlace, _ note: String) throws -> Scene {
    let secrets = try SecretStore(folder: place.control + "/secrets")
    var (change, _) = try ChangeControl.resume(
      StoreHistory(folder: place.control), boot: Clock.bootIdentifier, now: Clock.now, wall: Clock.wall)
    try change.finishRestore(CandidateFiles(folder: place.config))
    let head = try change.head()
    if let head { #expect(try place.read("config/lares.toml") == head.files["lares.toml"], "\(note)") }
    let left = File.list(place.control).filter { $0.hasPrefix("secrets") || $0 == "restoring" }
    #expect(left == ["secrets"], "\(note)")
    return Scene(
      inForce: head?.files["lares.toml"],
      secret: try secrets.value(of: SecretName("pppoe")))
  }

  /// Kills a restore some time after it began, or after it has begun to change something.
  private func kill(_ child: ChildProcess, in place: RouterPlace, _ generator: inout SeededGenerator) throws {
    if Int.random(in: 0..<4, using: &generator) == 0 {
      usleep(UInt32.random(in: 0..<400_000, using: &generator))
    } else {
      let first = ["secrets.new", "restoring", "secrets.before"].randomElement(using: &generator)!
      let deadline = Clock.now.advanced(milliseconds: 10_000)
      while access("\(place.control)/\(first)", F_OK) != 0, Clock.now < deadline {
        guard try child.poll() == nil else { return }
        usleep(100)
      }
      usleep(UInt32.random(in: 0..<6_000, using: &generator))
    }
    child.send(SIGKILL)
    _ = try? child.wait()
  }

  @Test(arguments: [false, true]) func aRestoreWhereNothingRuns(onHistory: Bool) throws {
    let source = try RouterBackupTests.Source()
    var generator = SeededGenerator(Soak.seed(onHistory ? 21 : 20))
    var seen: [Bool: Int] = [:]
    let new = Scene(inForce: RouterBackupTests.withList, secret: RouterBackupTests.secret)
    for round in 0..<Self.rounds {
      let folder = try TemporaryFolder()
      let place = RouterPlace(folder.path)
      var old = Scene()
      if onHistory {
        old = Scene(inForce: RunningControl.text, secret: "own")
        try File.makeFolder(place.config)
        try File.replace(place.config + "/lares.toml", with: Array(RunningControl.text.utf8), durable: false)
        var history = try StoreHistory(folder: place.control)
        let files = ["lares.toml": RunningControl.text]
        try history.append(Commit(number: 1, author: "ada", reason: "", time: 0, files: files))
        try SecretStore(folder: place.control + "/secrets").set("pppoe", to: "own")
      }
      let null = try Descriptor(opening: "/dev/null", O_RDWR)
      let child = try ChildProcess(
        [RunningControl.program] + place.arguments(["restore", source.backup]),
        descriptors: [null.number, null.number, null.number])
      try kill(child, in: place, &generator)
      let found = try scene(of: place, "round \(round)")
      #expect(found == old || found == new, "round \(round): \(found)")
      seen[found == new, default: 0] += 1
      // The next goes through, and leaves nothing of the one that was killed.
      try place.succeed("restore", source.backup)
      #expect(try scene(of: place, "round \(round), again") == new)
      #expect(File.list(place.control).filter { $0.hasPrefix(".") } == [])
      try place.expectSecretNowhereElse(RouterBackupTests.secret)
    }
    #expect(seen.count == 2 || !Soak.isOn, "killed before and after: \(seen)")
  }

  /// Control is killed while it puts a restore in force provisionally; the next one goes on with the window, or without.
  @Test func controlIsKilledInARestore() throws {
    let source = try RouterBackupTests.Source()
    var generator = SeededGenerator(Soak.seed(22))
    let old = Scene(inForce: RunningControl.text, secret: "own")
    let new = Scene(inForce: RouterBackupTests.withList, secret: RouterBackupTests.secret)
    for round in 0..<Self.rounds {
      let folder = try TemporaryFolder()
      let place = RouterPlace(folder.path)
      try File.makeFolder(place.config)
      try File.replace(place.config + "/lares.toml", with: Array(RunningControl.text.utf8), durable: false)
      var control = try place.serve()
      try place.setSecret("pppoe", to: "own")
      let null = try Descriptor(opening: "/dev/null", O_RDWR)
      let restore = try ChildProcess(
        [RunningControl.program] + place.arguments(["restore", source.backup]),
        descriptors: [null.number, null.number, null.number])
      try kill(control, in: place, &generator)
      restore.send(SIGKILL)
      _ = try? restore.wait()
      control = try place.serve()
      defer {
        control.send(SIGKILL)
        _ = try? control.wait()
      }
      let status = try place.status()
      let files = try place.client.get("/v1/configuration", as: [String: String].self)
      let secret = try place.read("state/control/secrets/pppoe")
      let found = Scene(inForce: files["lares.toml"], secret: secret)
      #expect(found == old || found == new, "round \(round): \(found)")
      #expect((status.provisional != nil) == (found == new) && !status.candidateDiffers, "round \(round)")
      guard found == new else { continue }
      let _: ChangeReport = try place.client.send("POST", "/v1/configuration/rollback", [String: String]())
      #expect(try place.read("state/control/secrets/pppoe") == "own", "round \(round)")
    }
  }

  /// Sets of secrets are changed by two renames, and a power cut may come between them.
  @Test func aChangeOfSecretsThatIsCutOffIsEnded() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/secrets"
    var store = try SecretStore(folder: path)
    try store.set("a", to: "old")
    try store.set("b", to: "kept")
    try store.stage(["a": "new"])
    #expect(try store.value(of: SecretName("a")) == "old")
    try File.move(path, to: store.before)
    store = try SecretStore(folder: path)
    #expect(try store.value(of: SecretName("a")) == "new" && store.value(of: SecretName("b")) == "kept")
    try store.takeStaged()
    #expect(try store.value(of: SecretName("a")) == "new")
    try File.move(path, to: path + ".undone")
    store = try SecretStore(folder: path)
    #expect(try store.value(of: SecretName("a")) == "old")
    #expect(File.list(folder.path) == ["secrets"])
  }
}
