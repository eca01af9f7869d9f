import Glibc
import HostSystem
import Lab
import Testing

@Suite(.serialized) struct LabTests {
  @Test func hostsSeeEachOtherAsDrawn() throws {
    let lab = try Lab()
    defer { lab.close() }
    try lab.succeed(.provider, ["ip", "addr", "add", "203.0.113.1/24", "dev", "isp0"])
    try lab.succeed(.provider, ["ip", "link", "set", "isp0", "up"])
    try lab.succeed(.router, ["ip", "addr", "add", "203.0.113.2/24", "dev", "wan0"])
    try lab.succeed(.router, ["ip", "link", "set", "wan0", "up"])
    let ping = try lab.run(.router, ["ping", "-c1", "-W2", "203.0.113.1"])
    #expect(ping.isSuccess, "\(ping.output)")
    #expect(try lab.shell(.laptop, "ip -o link show eth0").output.contains("02:00:00:00:00:10"))
    #expect(try lab.shell(.laptop, "echo x > /etc/resolv.conf && cat /etc/resolv.conf").output == "x\n")
    #expect(try lab.shell(.phone, "cat /etc/resolv.conf").output == "")
  }

  @Test func nothingIsLeftBehind() throws {
    let lab = try Lab()
    let process = try lab.start(.router, ["sleep", "1000"], log: "sleep.log")
    #expect(process.isRunning)
    lab.close()
    for _ in 0..<500 where process.isRunning { usleep(10_000) }
    #expect(!process.isRunning)
  }
}
