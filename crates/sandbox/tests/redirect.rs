//! Programs that insist on a port, run beside each other.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use kulkul_sandbox::{Launch, Limits, Process};

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn launch(script: &str) -> Launch {
    let (_, write) = std::io::pipe().unwrap();
    Launch {
        program: "python3".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: "/".into(),
        output: write.into(),
        passed: Vec::new(),
        limits: Limits { open_files_max: 1000 },
        enclosure: None,
        file_rules: None,
        filter: None,
    }
}

/// What a server on this port says.
async fn ask(port: u16) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            let mut text = String::new();
            stream.write_all(b"x").unwrap();
            stream.read_to_string(&mut text).unwrap();
            return text;
        }
        assert!(Instant::now() < deadline, "nobody listens on port {port}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn start(script: &str, from: u16, to: u16) -> (Process, tokio::task::JoinHandle<std::io::Result<()>>) {
    // Its program dies with the thread that starts it, which therefore has to be the test's own.
    let (process, binds) = launch(script).start_with_binds().unwrap();
    (process, tokio::spawn(async move { binds.redirect(&[from], to).await }))
}

#[tokio::test]
async fn two_programs_that_insist_on_one_port_get_another_one_each() {
    let wanted = free_port();
    let server = |family: &str, host: &str, name: &str| {
        format!(
            "import socket, threading\n\
             def serve():\n\
             \x20 s = socket.socket(socket.{family}); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
             \x20 s.bind(('{host}', {wanted})); s.listen()\n\
             \x20 while True:\n\
             \x20   c, _ = s.accept(); c.recv(1); c.sendall(b'{name}'); c.close()\n\
             t = threading.Thread(target=serve); t.start(); t.join()"
        )
    };
    let table =
        [("AF_INET", "0.0.0.0", "four"), ("AF_INET6", "::", "six"), ("AF_INET", "127.0.0.1", "loopback")];
    let mut running = Vec::new();
    for (family, host, name) in table {
        let port = free_port();
        running.push((start(&server(family, host, name), wanted, port).await, port, name));
    }
    for ((process, redirecting), port, name) in running {
        assert_eq!(ask(port).await, name);
        process.kill();
        assert!(process.wait_ended(Duration::from_secs(10)));
        process.reap();
        tokio::time::timeout(Duration::from_secs(10), redirecting).await.unwrap().unwrap().unwrap();
    }
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, wanted)).is_err());
}

#[tokio::test]
async fn other_ports_and_kinds_of_sockets_are_left_alone() {
    let (other, wanted, to) = (free_port(), free_port(), free_port());
    let script = format!(
        "import socket, os\n\
         u = socket.socket(socket.AF_UNIX); u.bind('\\0kulkul-test-{other}')\n\
         d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); d.bind(('127.0.0.1', {wanted}))\n\
         assert d.getsockname()[1] == {wanted}\n\
         s = socket.socket(); s.bind(('127.0.0.1', {other})); s.listen()\n\
         c, _ = s.accept(); c.recv(1); c.sendall(b'fine'); c.close()"
    );
    let ((process, redirecting), port) = (start(&script, wanted, to).await, other);
    assert_eq!(ask(port).await, "fine");
    assert!(process.wait_ended(Duration::from_secs(10)));
    assert_eq!(process.reap(), Some(kulkul_sandbox::Exit::Code(0)));
    tokio::time::timeout(Duration::from_secs(10), redirecting).await.unwrap().unwrap().unwrap();
}
