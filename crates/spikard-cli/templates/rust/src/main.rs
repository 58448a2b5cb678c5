//! `cargo run`, or `spikard run` in this folder.

mod orders;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    orders::app().run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    //! The app through the test client: the real server code without a socket.

    use super::orders;
    use serde_json::{Value, json};
    use spikard::TestClient;

    fn client() -> TestClient {
        TestClient::new(orders::app()).expect("the app has no mistakes")
    }

    #[test]
    fn someone_is_greeted() {
        let answer = client().get("/hello/Ada").wait();
        assert_eq!(answer.json::<Value>(), json!({"message": "hello Ada"}));
    }

    #[test]
    fn an_order_is_taken() {
        let wanted = json!({"sku": "BLT-0001", "quantity": 3});
        let answer = client().post("/orders").json(&wanted).wait();
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(
            answer.json::<Value>(),
            json!({"sku": "BLT-0001", "quantity": 3, "total_cents": 750})
        );
    }

    #[test]
    fn a_wrong_order_is_refused_with_every_reason() {
        let wanted = json!({"sku": "bolt", "quantity": 0});
        let answer = client().post("/orders").json(&wanted).wait();
        assert_eq!(answer.status, 422);
        let errors = &answer.json::<Value>()["errors"];
        assert_eq!(errors[0]["pointer"], "/sku");
        assert_eq!(errors[1]["pointer"], "/quantity");
    }
}
