// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Contracts that misbehave, for the tests of the two real ones.


/// Refuses every coin.
contract Refuser {
    receive() external payable {
        revert("no");
    }
}

/// Burns all gas it is given, then answers with a large revert.
contract Glutton {
    receive() external payable {
        assembly {
            revert(0, 1000000)
        }
    }
}

/// Calls back whatever pays it, with a call chosen by the test, and remembers whether that worked.
contract Reentrant {
    address private target;
    bytes private attack;
    bool public reentered;

    function arm(address target_, bytes calldata attack_) external {
        target = target_;
        attack = attack_;
    }

    function run(address to, bytes calldata data) external payable {
        (bool ok, bytes memory result) = to.call{value: msg.value}(data);
        if (!ok) {
            assembly {
                revert(add(result, 32), mload(result))
            }
        }
    }

    receive() external payable {
        if (target == address(0)) return;
        (bool ok,) = target.call(attack);
        if (ok) reentered = true;
    }
}
